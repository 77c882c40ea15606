"""The model as a graph of calls, by ``torch.fx``; and checks for what such a graph cannot express."""

import inspect
import operator
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.compiled.forks import lock_that_forks_wait_for
from jpegdomain.errors import UntraceableModelError
from jpegdomain.functional.islands import DRAWS

from .registry import find_module_rule

__all__ = ["ContextError", "Traced", "owner_path", "same_calls", "trace"]


_PATCHING = lock_that_forks_wait_for()
_COLLECTIONS = (list, dict, set)


class Traced(NamedTuple):
    """A graph, and the arguments whose value determined its calls: for each name its position and the traced value."""

    graph: fx.Graph
    fixed: dict[str, tuple[int, Any]]


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, recording its call as soon as one argument is a proxy."""

    def call(*args: Any, **kwargs: Any) -> Any:
        proxy = next((value for value in (*args, *kwargs.values()) if isinstance(value, fx.Proxy)), None)
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)

    return call


@contextmanager
def _more_recorded() -> Iterator[None]:
    """Record what fx by itself does not.

    ``y += z``, which fx makes an addition, is recorded as an in-place write. Before torch 2.7, ``avg_pool2d`` with a
    window computed at run time is not traced at all. Both are patched during a trace; a trace in another thread at the
    same time records valid calls, too.
    """
    patches: list[tuple[Any, str, Callable[..., Any]]] = [
        (fx.Proxy, f"__{name}__", _recorded(getattr(operator, name))) for name in ("iadd", "isub", "imul", "itruediv")
    ]
    patches.append((F, "avg_pool2d", _recorded(F.avg_pool2d)))
    with _PATCHING, ExitStack() as stack:
        for place, name, replacement in patches:
            stack.enter_context(mock.patch.object(place, name, replacement, create=True))
        yield


def _contexts() -> tuple[Any, ...]:
    """The state that a ``with`` statement in a model's code may change for the calls inside it."""
    autocast = [(torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")]
    return torch.is_grad_enabled(), torch.is_inference_mode_enabled(), *autocast


class ContextError(Exception):
    """A context manager in a model's code."""


class _Tracer(fx.Tracer):
    """Does not trace into modules that have a rule, nor into torch's own."""

    # What the code computes from buffers is part of the graph, and follows their values.
    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__()
        self._contexts = _contexts()

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        # A module with its own forward does not do what its class does.
        if "forward" in vars(module):
            return False
        return find_module_rule(module) is not None or super().is_leaf_module(module, path)

    def create_node(self, *args: object, **kwargs: object) -> fx.Node:
        if _contexts() != self._contexts:
            raise ContextError("a graph cannot represent `with torch.no_grad()`, autocast or the like in forward")
        node = super().create_node(*args, **kwargs)  # type: ignore[arg-type]
        # The stack's last entry is the module whose forward is being traced.
        node.meta["owner"] = next(reversed([path for path, _ in self.module_stack.values()]), "")
        return node

    def create_arg(self, a: Any) -> Any:
        named = isinstance(a, tuple) and hasattr(a, "_fields")
        if isinstance(a, list | tuple | dict) and type(a) not in (list, tuple, dict, torch.Size) and not named:
            raise fx.proxy.TraceError(f"a graph cannot represent {type(a).__qualname__}")
        return super().create_arg(a)


def _state(model: nn.Module) -> dict[str, tuple[Any, int | None]]:
    """State that code may write to, but a graph of its calls would not: buffers with write counts, attributes."""
    found: dict[str, tuple[Any, int | None]] = {
        name: (buffer, buffer._version) for name, buffer in model.named_buffers() if not buffer.is_inference()
    }
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            # fx itself adds these.
            if not name.startswith("_tensor_constant"):
                size = len(value) if isinstance(value, _COLLECTIONS) else None
                found[f"{path}.{name}" if path else name] = value, size
    return found


def _written(before: dict[str, tuple[Any, int | None]], after: dict[str, tuple[Any, int | None]]) -> str | None:
    """The first name whose value has changed."""
    for name in {**after, **before}:
        was, now = before.get(name), after.get(name)
        if was is None or now is None or was[0] is not now[0] or was[1] != now[1]:
            return name
    return None


def trace(model: nn.Module, training: bool = False) -> Traced:
    """Trace the ``forward`` of a copy of a model, which may write to it; raises UntraceableModelError."""
    model.train(training)
    parameters = inspect.signature(model.forward).parameters.values()
    defaults = {p.name: p.default for p in parameters if isinstance(p.default, bool | int | float | str | None)}
    try:
        traced = _follow(model, {})
    except UntraceableModelError:
        # The code may branch on a flag; the graph then has the branch without it.
        if not defaults:
            raise
        return _follow(model, defaults)
    missing = {name: default for name, default in defaults.items() if default is None}
    if not missing:
        return traced
    # A proxy is never None, so this first trace takes the other branch of `is None`.
    try:
        without = _follow(model, missing)
    except UntraceableModelError:
        return traced
    return traced if same_calls(traced.graph, without.graph, missing) else without


def _follow(model: nn.Module, constants: dict[str, Any]) -> Traced:
    """Trace a model for given values of some arguments."""
    randomness, state = _random_states(), _state(model)
    try:
        with _more_recorded():
            graph = _Tracer().trace(model, concrete_args=constants or None)
    except Exception as error:
        raise UntraceableModelError(f"torch.fx cannot trace {type(model).__qualname__}: {error}") from error
    if (effect := _written(state, _state(model))) is not None:
        raise UntraceableModelError(f"the forward of {type(model).__qualname__} writes to {effect}")
    if _random_states() != randomness or any(map(_draws, graph.nodes)):
        raise UntraceableModelError(f"the forward of {type(model).__qualname__} draws random numbers")
    parameters = inspect.signature(model.forward).parameters.values()
    names = [p.name for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    fixed: dict[str, tuple[int, Any]] = {}
    for place, (name, node) in enumerate(zip(names, placeholders, strict=False)):
        if name in constants:
            fixed[name] = place, constants[name]
            _unchecked(graph, node, name)
    return Traced(graph, fixed)


def _random_states() -> tuple[Any, ...]:
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), str(np.random.get_state(legacy=False))  # noqa: NPY002


def _draws(node: fx.Node) -> bool:
    """True if a call draws random numbers: their order follows its argument's memory, which a plan may change."""
    if node.op not in {"call_function", "call_method"}:
        return False
    operation: Any = getattr(torch.Tensor, node.target, None) if isinstance(node.target, str) else node.target
    # These draw only in training, and some networks rely on it.
    return operation in DRAWS and not any(word in operation.__name__ for word in ("dropout", "rrelu"))


def _unchecked(graph: fx.Graph, placeholder: fx.Node, name: str) -> None:
    """Give an argument that was traced as a constant its name back, and remove fx's check of its value."""
    checks: list[fx.Node] = list(placeholder.users)
    for check in checks:
        checks.extend(check.users)
    for check in reversed(checks):
        graph.erase_node(check)
    placeholder.target = name


def owner_path(node: fx.Node) -> str:
    """Return the path of the module whose ``forward`` makes a call, '' for the model itself."""
    return node.meta["owner"]


def same_calls(one: fx.Graph, other: fx.Graph, constants: Mapping[str, Any] | None = None) -> bool:
    """Return whether two graphs make the same calls.

    Arguments that were traced as constants are ignored, and so is the flag that tells ``dropout`` its mode.
    """
    fixed = {} if constants is None else constants

    def value(node: fx.Node) -> Any:
        return fixed.get(str(node.target), node) if node.op == "placeholder" else node

    def calls(graph: fx.Graph) -> list[tuple[str, ...]]:
        listed: list[tuple[str, ...]] = []
        for node in graph.nodes:
            if node.op == "placeholder":
                continue
            arguments, keywords = fx.map_arg(node.args, value), dict(fx.map_arg(node.kwargs, value))
            if node.target is F.dropout:
                arguments = arguments[:2]
                keywords.pop("training", None)
            listed.append((node.op, str(node.target), str(arguments), str(keywords)))
        return listed

    return calls(one) == calls(other)
