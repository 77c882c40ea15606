"""`prefetch`: yield results in order, while threads work on the following jobs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetch"]

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


def prefetch(work: Callable[[_Given], _Result], jobs: Iterable[_Given], threads: int) -> Iterator[_Result]:
    """Yield each job's result in order, while threads work on the following jobs.

    At most ``threads + 1`` results are computed in advance. A job's error is raised in place of its result. When the
    iterator is closed or dropped, no further job is started.

    Args:
        work: Does one job; it is called in several threads at once.
        jobs: Any number of jobs, drawn as they are needed.
        threads: Number of threads; with 0 each job is done when its result is requested.

    Yields:
        The results, in the jobs' order.
    """
    if not threads:
        yield from map(work, jobs)
        return
    remaining = iter(jobs)
    waiting: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="jpegdomain-loader")
    try:
        while True:
            for job in remaining:
                waiting.append(pool.submit(work, job))
                if len(waiting) > threads:
                    break
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
