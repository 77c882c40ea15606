"""The kernel's entry points as machine code: loaded from the cache, or compiled at their first use."""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

__all__ = ["Entry", "compiled_entry"]

Entry: TypeAlias = Literal["sequential", "progressive"]

_TYPICAL: Final = {"sequential": "ten seconds", "progressive": "ten seconds"}

_entries: dict[Entry, Callable[..., None]] = {}

# A fork waits for the end of a compilation: otherwise the child would inherit a lock that nobody opens.
_one_at_a_time = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


def compiled_entry(name: Entry) -> Callable[..., None]:
    """Give `kernel.files.read_sequential` or `kernel.progressive_files.read_progressive`, ready to run.

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


def _load_or_compile(name: Entry) -> Callable[..., None]:
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


def _announced(name: Entry, folder: Path | None) -> Callable[..., None]:
    """Compile, and say so: a person would wonder what takes so long.

    Args:
        name: The entry.
        folder: Where to keep the result.

    Returns:
        The compiled function.
    """
    where = f"kept in {folder}" if folder else "no folder to keep it in can be written: JPEGDOMAIN_CACHE names one"
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


def _make(name: Entry, folder: Path | None) -> Callable[..., None]:
    function = _source(name)
    if folder is not None:
        # Whatever is wrong with the cache (a full disk, a damaged file), it is only a cache.
        try:
            return _compiled(function, folder)
        except Exception as problem:
            _say(f"jpegdomain: compiling again, because the code kept in {folder} cannot be used: {problem!r}")
    return _compiled(function, None)


def _compiled(function: Callable[..., None], folder: Path | None) -> Callable[..., None]:
    import numba

    from .kernel.jit import OPTIONS

    settings: Any = numba.config
    before = settings.CACHE_DIR
    # Numba asks for the folder when it marks a function, and nowhere else.
    settings.CACHE_DIR = str(folder) if folder else before
    try:
        dispatcher: Any = numba.njit(**OPTIONS, cache=folder is not None)(function)
    finally:
        settings.CACHE_DIR = before
    dispatcher.compile(_signature(numba.types))
    # One signature: a call with other arrays is a mistake, not a reason to compile for seconds.
    dispatcher.disable_compile()
    return dispatcher


def _source(name: Entry) -> Callable[..., None]:
    if name == "progressive":
        from .kernel.progressive_files import read_progressive

        return read_progressive
    from .kernel.files import read_sequential

    return read_sequential


def _signature(types: Any) -> Any:
    """Give the types of `read_sequential`'s arguments; `read_progressive` has the same.

    Args:
        types: Numba's.

    Returns:
        A signature.
    """

    def array(element: Any, axes: int = 1, readonly: bool = False) -> Any:
        return types.Array(element, axes, "C", readonly=readonly)

    return types.void(
        array(types.uint8, readonly=True),
        array(types.int64),
        array(types.int16),
        array(types.int64, 2),
        array(types.uint16, 3),
        array(types.uint64),
        array(types.int64),
        array(types.uint8),
        array(types.uint16),
        types.int64,
        types.boolean,
    )
