"""Share work among threads; this is useful if the work is done by compiled functions, which do not hold the GIL."""

import _thread
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

__all__ = ["shared"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def shared(work: Callable[[_Job], _Result], jobs: Iterable[_Job], threads: int) -> list[_Result]:
    """Do jobs in this thread and in others; each takes the next job when it has finished one.

    Args:
        work: Does one job; it is called in several threads at once.
        jobs: Any number of jobs. A few for each thread are best, since a machine's cores are not equally fast.
        threads: The largest number of threads, including this one.

    Returns:
        The results, in the jobs' order. If a job raises an error, no further job is started, and the first job's error
        is raised when all threads have finished.
    """
    given = list(jobs)
    if threads == 1 or len(given) < 2:
        return [work(job) for job in given]
    results: list[Any] = [None] * len(given)
    errors: dict[int, BaseException] = {}
    # A list's pop is atomic.
    waiting = list(reversed(range(len(given))))

    def run() -> None:
        while waiting and not errors:
            try:
                number = waiting.pop()
            except IndexError:
                return
            try:
                results[number] = work(given[number])
            except BaseException as error:
                errors[number] = error

    def help_out(done: Any) -> None:
        try:
            run()
        finally:
            done.release()

    ends = []
    for _ in range(min(threads, len(given)) - 1):
        # A `threading.Thread` makes the caller wait until it has started: a third of a millisecond, enough to decode
        # tens of small files.
        end = _thread.allocate_lock()
        end.acquire()
        _thread.start_new_thread(help_out, (end,))
        ends.append(end)
    run()
    for end in ends:
        end.acquire()
    if errors:
        raise errors[min(errors)]
    return results
