"""Results of work done ahead, by threads, in the order in which it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def ahead(work: Callable[[_Job], _Result], jobs: Iterable[_Job], threads: int) -> Iterator[_Result]:
    """Yield each job's result in turn, while threads do the jobs that follow.

    At most ``threads + 1`` results are held before they are asked for. An error is raised where its result would have
    stood. When the iterator is closed or dropped, what has not begun is not begun.

    Args:
        work: What to do with a job; it runs in several threads at once.
        jobs: Any number, looked at as they are needed.
        threads: How many; with 0 each job is done when its result is asked for.

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
