"""Locks for processes that fork."""

# A fork takes locks in the reverse order of their registration, and importing Numba takes these two modules' locks
# while it holds ours. So theirs must be registered before ours, or a fork and a first use would wait for each other.
import concurrent.futures.thread  # noqa: F401
import logging  # noqa: F401
import os
import threading
from contextlib import AbstractContextManager

__all__ = ["lock_that_forks_wait_for"]


def lock_that_forks_wait_for() -> AbstractContextManager[bool]:
    """Make a lock for work that a child process must not find half finished.

    A fork waits until no other thread holds the lock: otherwise the child would inherit a lock that is never released.

    Returns:
        A reentrant lock.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
