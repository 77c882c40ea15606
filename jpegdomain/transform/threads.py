"""One compiled function in several threads: those that torch itself keeps, where they can be had."""

import ctypes
import functools
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

import torch

__all__ = ["in_threads"]

_FUNCTION: Final = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def in_threads(address: int, argument: int, threads: int) -> None:
    """Call a function once in each of several threads, the caller's own included, and wait for all of them.

    Args:
        address: Of the function, void (*)(int64_t), which shares its work out by itself.
        argument: What every call is given.
        threads: How many.
    """
    function = _function(address)
    if threads == 1:
        function(argument)
    elif (parallel := _torchs_own()) is not None:
        parallel(address, argument, threads, 0)
    else:
        _in_own_threads(function, argument, threads)


@functools.cache
def _function(address: int) -> Callable[[int], None]:
    return _FUNCTION(address)


@functools.cache
def _torchs_own() -> Any | None:
    """Find the OpenMP runtime that torch is linked to.

    Threads of our own would share the cores with its threads, which go on spinning for milliseconds after each of
    torch's operations.

    Returns:
        GOMP_parallel(function, argument, threads, flags), or None where torch has another kind of threads.
    """
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    parallel.restype = None
    return parallel


class _Workers:
    """Threads that wait for work; one set per process, since a fork takes none along."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[int], None], int, queue.SimpleQueue[None]]] = queue.SimpleQueue()
        self._count = 0
        self._growing = threading.Lock()

    def hand_over(self, function: Callable[[int], None], argument: int, times: int) -> "queue.SimpleQueue[None]":
        with self._growing:
            for _ in range(times - self._count):
                threading.Thread(target=self._serve, daemon=True, name="jpegdomain-transforms").start()
                self._count += 1
        finished: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(times):
            self._work.put((function, argument, finished))
        return finished

    def _serve(self) -> None:
        while True:
            function, argument, finished = self._work.get()
            function(argument)
            finished.put(None)


@functools.cache
def _workers() -> _Workers:
    return _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)


def _in_own_threads(function: Callable[[int], None], argument: int, threads: int) -> None:
    finished = _workers().hand_over(function, argument, threads - 1)
    function(argument)
    for _ in range(threads - 1):
        finished.get()
