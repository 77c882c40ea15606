"""How kernels are compiled: without the GIL, without Python's division checks, inlined or not."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from numba import njit, types

__all__ = ["OPTIONS", "compiled", "inlined"]

Function = TypeVar("Function", bound=Callable[..., Any])

# No function here makes an array, and Python holds references to the arrays that it passes, so references need not be
# counted. Counting them, with atomic operations, would cost a tenth of the time.
OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}

# A function that Python never calls needs no wrapper for it, which would take a fifth of the time to compile.
_INNER: Final = OPTIONS | {"no_cpython_wrapper": True}

_names: set[str] = set()


def compiled(function: Function) -> Function:
    """Compile a function when another one first uses it; raise ValueError if its ``__qualname__`` is not its own."""
    # The linker identifies a function by its ``__module__``, its ``__qualname__`` and the types of its arguments. If
    # two functions of one factory, loaded from two processes' caches, have the same, it would run the first instead of
    # the second.
    return cast(Function, _once(njit(**_INNER)(_named(function))))


def inlined(function: Function) -> Function:
    """Compile a function into each of its callers, for what runs per block or symbol; names as in `compiled`."""
    return cast(Function, _once(njit(**_INNER, forceinline=True)(_named(function))))


def _named(function: Function) -> Function:
    name = f"{function.__module__}.{function.__qualname__}"
    if "<locals>" in name or name in _names:
        raise ValueError(f"a function made by a factory needs a __qualname__ of its own, got {name}")
    _names.add(name)
    return function


def _once(dispatcher: Any) -> Any:
    """Keep Numba from compiling a function anew for each constant that a caller passes: half of the time to compile."""
    template = dispatcher.get_call_template
    dispatcher.get_call_template = lambda arguments, keywords: template(
        [types.unliteral(argument) for argument in arguments], keywords
    )
    return dispatcher
