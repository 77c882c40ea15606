"""How the kernel's functions are compiled: without the GIL, without Python's division checks, inlined or not."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from numba import njit, types

__all__ = ["OPTIONS", "compiled", "inlined"]

Function = TypeVar("Function", bound=Callable[..., Any])


# No function here makes an array, and Python holds those that it passes: so there is nothing to count. Counting
# references, an atomic operation, costs a tenth of the time.
OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}

# What Python never calls needs no entrance for it: a fifth of the time to compile.
_INNER: Final = OPTIONS | {"no_cpython_wrapper": True}


def compiled(function: Function) -> Function:
    """Mark a function for compilation at its first use by another one."""
    return cast(Function, _once(njit(**_INNER)(function)))


def inlined(function: Function) -> Function:
    """Mark a function for compilation into each of its callers: for those that run per block or per symbol."""
    return cast(Function, _once(njit(**_INNER, forceinline=True)(function)))


def _once(dispatcher: Any) -> Any:
    """Keep Numba from compiling a function anew for each constant that a caller passes: half of the time to compile."""
    template = dispatcher.get_call_template
    dispatcher.get_call_template = lambda arguments, keywords: template(
        [types.unliteral(argument) for argument in arguments], keywords
    )
    return dispatcher
