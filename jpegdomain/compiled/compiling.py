"""Entries as machine code: loaded from the cache, or compiled at their first use."""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .family import Entry

__all__ = ["compiled_address", "compiled_entry", "is_ready"]

_entries: dict[Entry, Callable[..., Any]] = {}

# A fork waits for the end of a compilation: otherwise the child would inherit a lock that nobody opens.
_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


def compiled_entry(entry: Entry) -> Callable[..., Any]:
    """Give a function ready to run.

    Args:
        entry: Which.

    Returns:
        A function that releases the GIL. Importing Numba, too, waits for the first call.
    """
    found = _entries.get(entry)
    if found is not None:
        return found
    with _one_at_a_time:
        if entry not in _entries:
            _entries[entry] = _load_or_compile(entry)
        return _entries[entry]


def is_ready(entry: Entry) -> bool:
    """Tell whether `compiled_entry` gives a function at once."""
    return entry in _entries


def compiled_address(entry: Entry) -> int:
    """Give the address of a function that C code can call, with the C types of its signature.

    Args:
        entry: Which; made with `from_c`.

    Returns:
        The address, good for as long as the process lives.
    """
    dispatcher: Any = compiled_entry(entry)
    (made,) = dispatcher.overloads.values()
    address: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return address


def _load_or_compile(entry: Entry) -> Callable[..., Any]:
    from .cache import cache_folder, one_process

    folder = cache_folder(entry.family)
    if folder is None:
        return _announced(entry, None)
    finished = folder / entry.function
    if not finished.exists():
        with one_process(folder):
            # Another process may have compiled while this one waited.
            if not finished.exists():
                return _announced(entry, folder)
    return _make(entry, folder)


def _announced(entry: Entry, folder: Path | None) -> Callable[..., Any]:
    """Compile, and say so where a person would wonder what takes so long.

    Args:
        entry: Which.
        folder: Where to keep the result.

    Returns:
        The compiled function.
    """
    where = f"kept in {folder}" if folder else "no folder to keep it in can be written: JPEGDOMAIN_CACHE names one"
    if entry.announcement is not None:
        _say(f"jpegdomain: compiling {entry.announcement}; {where}")
    function = _make(entry, folder)
    if folder is not None:
        with suppress(OSError):
            (folder / entry.function).write_text(time.strftime("%Y-%m-%d %H:%M:%S\n"))
    return function


def _say(line: str) -> None:
    # A process without a terminal may have no standard error, or a closed one.
    with suppress(AttributeError, OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _make(entry: Entry, folder: Path | None) -> Callable[..., Any]:
    from .cache import discard

    if folder is not None:
        # Whatever is wrong with the cache (a full disk, a damaged file), it is only a cache.
        try:
            return _compiled(entry, folder)
        except Exception as problem:
            _say(f"jpegdomain: compiling again, because the code kept in {folder} cannot be used: {problem!r}")
        discard(folder)
        with suppress(Exception):
            return _compiled(entry, folder)
    return _compiled(entry, None)


def _compiled(entry: Entry, folder: Path | None) -> Callable[..., Any]:
    import numba

    from .jit import OPTIONS

    settings: Any = numba.config
    before = settings.CACHE_DIR
    # Numba asks for the folder when it marks a function, and nowhere else.
    settings.CACHE_DIR = str(folder) if folder else before
    try:
        options = OPTIONS | {"no_cfunc_wrapper": not entry.from_c, "cache": folder is not None}
        dispatcher: Any = numba.njit(**options)(entry.source())
    finally:
        settings.CACHE_DIR = before
    # Compiling makes millions of objects that stay: looking for garbage among them takes a sixth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        dispatcher.compile(entry.signature(numba.types))
    finally:
        if collecting:
            gc.enable()
    # One signature: a call with other arrays is a mistake, not a reason to compile for seconds.
    dispatcher.disable_compile()
    return dispatcher
