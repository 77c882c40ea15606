"""Compiled functions, loaded from the cache or compiled at their first call. Numba is not imported before that."""

import gc
import importlib
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jpegdomain.errors import JpegDomainError

from .forks import lock_that_forks_wait_for

__all__ = ["CompiledFunction", "KernelPackage", "kernel_packages"]

_packages: "list[KernelPackage]" = []
_said: list[str] = []
_LONG: Final = 5
"""From this many seconds of compiling, further functions in a process are announced, too."""
_loaded: "dict[CompiledFunction, Callable[..., Any]]" = {}

_one_at_a_time = lock_that_forks_wait_for()


@dataclass(frozen=True, eq=False)
class KernelPackage:
    """Functions that share source files, and are compiled again when one of these files changes.

    Args:
        name: The name of the folder for its compiled code, without the fingerprint.
        package: The import name of the package that holds its sources.
        folder: The package's folder; all modules in it are sources.
        others: Other files that the compiled code depends on.
    """

    name: str
    package: str
    folder: Path
    others: tuple[Path, ...] = ()
    functions: "list[CompiledFunction]" = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        """Register the package, so that everything can be compiled ahead."""
        _packages.append(self)


@dataclass(frozen=True, eq=False)
class CompiledFunction:
    """A function of a kernel that Python calls. A call releases the GIL.

    Args:
        package: The package it is in.
        module: Its module in the package.
        name: Its name in the module.
        signature: Given ``numba.types``, the types of its arguments and result.
        announcement: What is being compiled, printed when compiling begins; None prints nothing.
        seconds: How long compiling takes, approximately.
        from_c: Whether `address` is needed.
    """

    package: KernelPackage
    module: str
    name: str
    signature: Callable[[Any], Any]
    announcement: str | None = None
    seconds: int = 1
    from_c: bool = False

    def __post_init__(self) -> None:
        """Register the function with its package."""
        self.package.functions.append(self)

    def __call__(self, *arguments: Any) -> Any:
        """Call the function with arguments of exactly the types of its signature."""
        return (_loaded.get(self) or self.load())(*arguments)

    @property
    def is_loaded(self) -> bool:
        """Whether a call runs at once."""
        return self in _loaded

    def load(self) -> Callable[..., Any]:
        """Load or compile the function, unless that has already been done."""
        with _one_at_a_time:
            if self not in _loaded:
                _loaded[self] = _load_or_compile(self)
            return _loaded[self]

    def address(self) -> int:
        """Return the address at which C code can call the function, valid as long as the process lives."""
        dispatcher: Any = self.load()
        (made,) = dispatcher.overloads.values()
        address: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
        return address


def kernel_packages() -> tuple[KernelPackage, ...]:
    """Return the packages of all modules imported so far: after ``import jpegdomain``, all packages of the library."""
    return tuple(_packages)


def _load_or_compile(function: CompiledFunction) -> Callable[..., Any]:
    from .cache import cache_folder, one_process

    # Data shared by threads relies on atomic operations of lists and dictionaries; whether these are enough without
    # the GIL has not been tested.
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise JpegDomainError(
            "jpegdomain has not been tested on Python without a GIL: start Python with PYTHON_GIL=1; threads still "
            "decode in parallel"
        )
    folder = cache_folder(function.package)
    if folder is None:
        return _announced(function, None)
    finished = folder / function.name
    if not finished.exists():
        with one_process(folder):
            # Another process may have compiled while this one waited.
            if not finished.exists():
                return _announced(function, folder)
    return _from_cache(function, folder)


def _announced(function: CompiledFunction, folder: Path | None) -> Callable[..., Any]:
    """Compile, and say so if it takes long enough that a person would wonder."""
    from .cache import note_processor

    if function.announcement is not None and (not _said or function.seconds >= _LONG):
        _say(_announcement(function, folder))
    made = _from_cache(function, folder)
    if folder is not None:
        with suppress(OSError):
            note_processor(folder)
            (folder / function.name).write_text(time.strftime("%Y-%m-%d %H:%M:%S\n"))
    return made


def _announcement(function: CompiledFunction, folder: Path | None) -> str:
    from .cache import code_for_others

    line = f"jpegdomain: compiling {function.announcement}, about {function.seconds} s"
    if folder is None:
        return f"{line}, in every process, since no cache folder is writable; set JPEGDOMAIN_CACHE to one that is"
    line += f", once; kept in {folder}"
    if _said:
        return line
    _said.append(line)
    reason = code_for_others(function.package)
    return line + (f"; {reason}" if reason else "") + "; `jpegdomain warm` compiles ahead of time"


def _say(line: str) -> None:
    # A process without a terminal may have no standard error, or a closed one.
    with suppress(AttributeError, OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def _from_cache(function: CompiledFunction, folder: Path | None) -> Callable[..., Any]:
    from .cache import discard

    if folder is not None:
        # A fault of the cache (a full disk, a damaged file) must not be fatal: it is only a cache.
        try:
            return _compile(function, folder)
        except Exception as problem:
            _say(f"jpegdomain: compiling again, because the code kept in {folder} cannot be used: {problem!r}")
        discard(folder)
        with suppress(Exception):
            return _compile(function, folder)
    return _compile(function, None)


def _compile(function: CompiledFunction, folder: Path | None) -> Callable[..., Any]:
    # Numba imports numpy.ma when a function is first called. From Python 3.12 on, a child forked while another thread
    # does so would wait for ever. Here a fork waits until the import is done.
    import numba
    import numpy.ma  # noqa: F401

    from .jit import OPTIONS
    from .shortcuts import shortcuts

    settings: Any = numba.config
    before = settings.CACHE_DIR
    # Numba asks for the folder only when it decorates a function.
    settings.CACHE_DIR = str(folder) if folder else before
    try:
        options = OPTIONS | {"no_cfunc_wrapper": not function.from_c, "cache": folder is not None}
        source = getattr(importlib.import_module(f"{function.package.package}.{function.module}"), function.name)
        dispatcher: Any = numba.njit(**options)(source)
    finally:
        settings.CACHE_DIR = before
    # Compiling makes millions of objects that stay: looking for garbage among them takes a sixth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        with shortcuts():
            dispatcher.compile(function.signature(numba.types))
    finally:
        if collecting:
            gc.enable()
    # Only one signature: a call with other arrays is a mistake, and no reason to compile for seconds.
    dispatcher.disable_compile()
    return dispatcher
