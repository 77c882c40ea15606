"""Run one compiled function in several threads: torch's own, if they can be found."""

import ctypes
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import torch

__all__ = ["in_threads"]

_FUNCTION: Final = ctypes.CFUNCTYPE(None, ctypes.c_int64)


def in_threads(address: int, argument: int, threads: int) -> None:
    """Call a function once in each of several threads, the caller's own included, and wait for all of them.

    Args:
        address: The function's address, void (*)(int64_t); it divides the work among its calls itself.
        argument: The argument of every call.
        threads: Number of threads.
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

    Our own threads would compete for cores with torch's, which keep spinning for milliseconds after each of torch's
    operations.

    Returns:
        GOMP_parallel(function, argument, threads, flags), or None if torch has another kind of threads.
    """
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    parallel.restype = None
    return parallel


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "jpegdomain-transforms")


# Threads do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _in_own_threads(function: Callable[[int], None], argument: int, threads: int) -> None:
    others = [_pool(threads - 1).submit(function, argument) for _ in range(threads - 1)]
    function(argument)
    for other in others:
        other.result()
