"""Skip work of Numba that kernels do not need: compiling then takes half the time.

Numba optimises every function separately and generates machine code for it. But a kernel's functions are linked into
the one that Python calls, optimised there once more, and never called on their own. Numba also looks up the type of an
operation anew every time, and compares settings value by value to do so.

These are Numba's internals. With a release that has different ones, the same code is compiled, only more slowly.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from numba.core import codegen, cpu, targetconfig
from numba.core.types import functions

__all__ = ["shortcuts"]

_ENTRANCES: Final = ("_ZN7cpython", "cfunc.")
"""Prefixes of the names of functions that Python or C calls."""

_NEEDED: Final = {
    codegen.JITCodeLibrary: (
        *("_optimize_final_module", "_finalize_final_module"),
        *("_finalize_dynamic_globals", "_verify_declare_only_symbols"),
    ),
    codegen.JITCPUCodegen: ("set_env",),
    codegen.JitEngine: ("is_symbol_defined",),
    cpu.CPUContext: ("load_additional_registries",),
    functions.BaseFunction: ("get_call_type",),
    targetconfig.TargetConfig: ("__eq__", "__hash__", "values"),
}


@contextmanager
def shortcuts() -> Iterator[None]:
    """Skip this work for what this thread compiles in the meantime; other threads compile as usual."""
    with ExitStack() as stack:
        if all(hasattr(holder, name) for holder, names in _NEEDED.items() for name in names):
            for holder, name, make in (
                (codegen.JITCodeLibrary, "_optimize_final_module", _optimise),
                (codegen.JITCodeLibrary, "_finalize_final_module", _finalise),
                (codegen.JITCPUCodegen, "set_env", _set_environment),
                (cpu.CPUContext, "load_additional_registries", _once),
                (functions.BaseFunction, "get_call_type", _call_type),
                (targetconfig.TargetConfig, "__eq__", _equal),
                (targetconfig.TargetConfig, "__hash__", _hash),
            ):
                stack.enter_context(_replaced(holder, name, make, threading.get_ident()))
        yield


@contextmanager
def _replaced(holder: Any, name: str, make: Callable[[Any], Any], owner: int) -> Iterator[None]:
    usual = getattr(holder, name)
    inherited = name not in vars(holder)
    own = make(usual)

    def chosen(*arguments: Any) -> Any:
        return (own if threading.get_ident() == owner else usual)(*arguments)

    setattr(holder, name, chosen)
    try:
        yield
    finally:
        if inherited:
            delattr(holder, name)
        else:
            setattr(holder, name, usual)


def _is_called(library: Any) -> bool:
    """Whether Python or C calls a function of this library; if not, others take it in."""
    names = [function.name for function in library._final_module.functions if not function.is_declaration]
    # A library without any came from the cache, as machine code.
    return not names or any(name.startswith(_ENTRANCES) for name in names)


def _optimise(usual: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda library: usual(library) if _is_called(library) else None


def _finalise(usual: Callable[[Any], None]) -> Callable[[Any], None]:
    """Finish a library, without machine code if nothing outside calls it."""

    def finalise(library: Any) -> None:
        if _is_called(library):
            usual(library)
            return
        library._finalize_dynamic_globals()
        library._verify_declare_only_symbols()
        library._final_module.__library = weakref.proxy(library)
        library._finalized = True

    return finalise


def _set_environment(usual: Callable[[Any, str, Any], None]) -> Callable[[Any, str, Any], None]:
    """Tell a function where its globals are, if there is machine code of it."""

    def set_environment(generator: Any, name: str, environment: Any) -> None:
        if generator._engine.is_symbol_defined(name):
            usual(generator, name, environment)

    return set_environment


def _once(usual: Callable[[Any], None]) -> Callable[[Any], None]:
    """Look for new operations once: nothing is imported while a kernel is compiled."""
    done: set[int] = set()

    def once(context: Any) -> None:
        if id(context) not in done:
            usual(context)
            done.add(id(context))

    return once


def _call_type(usual: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the types of operations."""
    known: dict[Any, Any] = {}

    def call_type(function: Any, context: Any, arguments: Any, keywords: Any) -> Any:
        key = function, context, tuple(arguments), tuple(keywords.items())
        if key not in known:
            known[key] = usual(function, context, arguments, keywords)
        return known[key]

    return call_type


def _equal(usual: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def equal(settings: Any, other: Any) -> Any:
        # Most are equal in the settings that have been set; the others have defaults.
        same = type(settings) is type(other) and settings._values == other._values
        return same or usual(settings, other)

    return equal


def _hash(usual: Callable[[Any], int]) -> Callable[[Any], int]:
    # It is the hash of the settings' names.
    known: dict[type, int] = {}

    def hash_of(settings: Any) -> int:
        if type(settings) not in known:
            known[type(settings)] = usual(settings)
        return known[type(settings)]

    return hash_of
