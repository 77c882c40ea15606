"""The kernel's entry points as machine code: loaded from the cache, or compiled at their first use."""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .entries import Entry, signature_of, source_of

__all__ = ["Entry", "compiled_entry", "is_ready"]

_TYPICAL: Final = {"sequential": "ten seconds", "progressive": "ten seconds"}

_entries: dict[Entry, Callable[..., Any]] = {}

# A fork waits for the end of a compilation: otherwise the child would inherit a lock that nobody opens.
_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


def compiled_entry(name: Entry) -> Callable[..., Any]:
    """Give a function of the kernel, ready to run.

    Args:
        name: Which.

    Returns:
        A function that releases the GIL. Importing Numba, too, waits for the first call.
    """
    found = _entries.get(name)
    if found is not None:
        return found
    with _one_at_a_time:
        if name not in _entries:
            _entries[name] = _load_or_compile(name)
        return _entries[name]


def is_ready(name: Entry) -> bool:
    """Tell whether `compiled_entry` gives a function at once."""
    return name in _entries


def _load_or_compile(name: Entry) -> Callable[..., Any]:
    from .cache import cache_folder, one_process

    folder = cache_folder()
    if folder is None:
        return _announced(name, None)
    finished = folder / name
    if not finished.exists():
        with one_process(folder):
            # Another process may have compiled while this one waited.
            if not finished.exists():
                return _announced(name, folder)
    return _make(name, folder)


def _announced(name: Entry, folder: Path | None) -> Callable[..., Any]:
    """Compile, and say so where a person would wonder what takes so long.

    Args:
        name: The entry.
        folder: Where to keep the result.

    Returns:
        The compiled function.
    """
    where = f"kept in {folder}" if folder else "no folder to keep it in can be written: JPEGDOMAIN_CACHE names one"
    if name in _TYPICAL:
        _say(f"jpegdomain: compiling the {name} JPEG decoder, about {_TYPICAL[name]}; {where}")
    function = _make(name, folder)
    if folder is not None:
        with suppress(OSError):
            (folder / name).write_text(time.strftime("%Y-%m-%d %H:%M:%S\n"))
    return function


def _say(line: str) -> None:
    # A process without a terminal may have no standard error, or a closed one.
    with suppress(AttributeError, OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _make(name: Entry, folder: Path | None) -> Callable[..., Any]:
    from .cache import discard

    if folder is not None:
        # Whatever is wrong with the cache (a full disk, a damaged file), it is only a cache.
        try:
            return _compiled(name, folder)
        except Exception as problem:
            _say(f"jpegdomain: compiling again, because the code kept in {folder} cannot be used: {problem!r}")
        discard(folder)
        with suppress(Exception):
            return _compiled(name, folder)
    return _compiled(name, None)


def _compiled(name: Entry, folder: Path | None) -> Callable[..., Any]:
    import numba

    from .kernel.jit import OPTIONS

    settings: Any = numba.config
    before = settings.CACHE_DIR
    # Numba asks for the folder when it marks a function, and nowhere else.
    settings.CACHE_DIR = str(folder) if folder else before
    try:
        dispatcher: Any = numba.njit(**OPTIONS, cache=folder is not None)(source_of(name))
    finally:
        settings.CACHE_DIR = before
    # Compiling makes millions of objects that stay: looking for garbage among them takes a sixth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        dispatcher.compile(signature_of(name, numba.types))
    finally:
        if collecting:
            gc.enable()
    # One signature: a call with other arrays is a mistake, not a reason to compile for seconds.
    dispatcher.disable_compile()
    return dispatcher
