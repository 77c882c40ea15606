"""The table of torch operations on coefficients: `jpegdomain.functional` fills it, `Activation` reads it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import InputError

__all__ = ["Entry", "Met", "Runtime", "entry", "implements", "note", "operations", "record", "runs_by", "runtime"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Entry(NamedTuple):
    """How an operation runs on coefficients.

    Args:
        function: Takes the operation's arguments, at least one of which is an activation.
        accepts: Takes the same arguments and returns whether `function` has a closed form for them.
        anywhere: Whether the operation runs on pixels if only these have been computed.
    """

    function: Callable[..., Any]
    accepts: Callable[..., bool]
    anywhere: bool


class Met(NamedTuple):
    """One operation that was given an activation, as `record` lists it.

    Args:
        path: Name of the module that was running, '' if unknown.
        operation: The operation's name in torch.
        form: 'closed', or 'island' if it ran on pixels.
        shape: The result's shape in pixels; None for several results, or one that is not a tensor.
    """

    path: str
    operation: str
    form: str
    shape: tuple[int, ...] | None


_TABLE: dict[Any, Entry] = {}
_RUNTIME: list["Runtime"] = []
_LISTENERS: list[Callable[[Any, str, Any], None]] = []


def operations(name: str) -> list[Any]:
    """List all that torch calls by one name: the function, the tensor method, the function of ``nn.functional``."""
    found = (getattr(place, name, None) for place in (torch, Tensor, F, getattr(torch, "special", None)))
    return list(dict.fromkeys(operation for operation in found if callable(operation)))


def getter(name: str) -> Any:
    """Return the operation that reads an attribute of a tensor, as ``__torch_function__`` receives it."""
    return getattr(Tensor, name).__get__


def implements(*names: Any, accepts: Callable[..., bool], anywhere: bool = False) -> Callable[[_Function], _Function]:
    """Enter a function into the table.

    Args:
        *names: Torch functions, or names, each of which stands for everything that `operations` finds.
        accepts: As in `Entry`; if it returns False, the operation runs on pixels.
        anywhere: As in `Entry`.

    Returns:
        The decorator, which returns the function unchanged.
    """

    def enter(function: _Function) -> _Function:
        for name in names:
            for operation in operations(name) if isinstance(name, str) else [name]:
                _TABLE[operation] = Entry(function, accepts, anywhere)
        return function

    return enter


def entry(operation: Any) -> Entry | None:
    """Return how an operation runs on coefficients, or None if it has no closed form."""
    return _TABLE.get(operation)


class Runtime(NamedTuple):
    """The functions of higher modules that activations call."""

    run: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
    """Runs a torch operation, given with its arguments and keyword arguments."""
    refresh: Callable[[Any], None]
    """Updates an activation that shares its pixels with others."""
    transform: Callable[[Any], Tensor]
    """Returns the coefficients of an activation that was made from pixels."""
    write_through: Callable[[Any], None]
    """Writes a view's pixels into its base."""


def runs_by(runtime: Runtime) -> None:
    """Register the functions that run operations."""
    _RUNTIME[:] = [runtime]


def runtime() -> Runtime:
    """Return what `runs_by` registered."""
    return _RUNTIME[0]


def note(operation: Any, form: str, result: Any) -> None:
    """Tell every recording about an operation that has run, its form ('closed' or 'island') and its result."""
    for listener in _LISTENERS:
        listener(operation, form, result)


@contextmanager
def record(model: nn.Module | None = None) -> Iterator[list[Met]]:
    """List the operations that are given activations, in the order in which they run.

    Args:
        model: A module whose submodules' names should be listed, or None.

    Yields:
        The list, which grows while operations run.

    Raises:
        InputError: If `model` is not a module.
    """
    if model is not None and not isinstance(model, nn.Module):
        raise InputError(f"record takes a torch.nn.Module, got {type(model).__qualname__}")
    modules = () if model is None else model.named_modules()
    # Scripted code takes no hooks.
    paths = {module: path for path, module in modules if not isinstance(module, torch.jit.ScriptModule)}
    running: list[str] = []
    met: list[Met] = []

    def listen(operation: Any, form: str, result: Any) -> None:
        name = getattr(operation, "__name__", str(operation))
        shape = getattr(result, "shape", None)
        met.append(Met(running[-1] if running else "", name, form, None if shape is None else tuple(shape)))

    hooks = []
    for module, path in paths.items():
        hooks.append(module.register_forward_pre_hook(lambda _module, _args, path=path: running.append(path)))
        hooks.append(module.register_forward_hook(lambda *_: _ignore(running.pop()), always_call=True))
    _LISTENERS.append(listen)
    try:
        yield met
    finally:
        _LISTENERS.remove(listen)
        for hook in hooks:
            hook.remove()


def _ignore(_: object) -> None:
    """Return None, since any other return value of a hook would replace the module's result."""
