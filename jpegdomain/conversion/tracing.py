"""The model as a graph of calls, by ``torch.fx``."""

import inspect
import operator
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import InputError, UntraceableModelError

from .registry import find_module_rule

__all__ = ["owner_path", "same_calls", "trace"]


_PATCHING = threading.Lock()


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which records its call as soon as one argument is a proxy."""

    def call(*args: Any, **kwargs: Any) -> Any:
        proxy = next((value for value in (*args, *kwargs.values()) if isinstance(value, fx.Proxy)), None)
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_function", function, args, kwargs)

    return call


@contextmanager
def _more_recorded() -> Iterator[None]:
    """Record what fx by itself does not.

    ``y += z``, of which it makes an addition, is recorded as the write that it is; and before torch 2.7, ``avg_pool2d``
    with a window computed at run time is not traced at all. Both are put in place for the time of a trace; one that
    runs beside, in another thread, records the same valid calls.
    """
    patches: list[tuple[Any, str, Callable[..., Any]]] = [
        (fx.Proxy, f"__{name}__", _recorded(getattr(operator, name))) for name in ("iadd", "isub", "imul", "itruediv")
    ]
    patches.append((F, "avg_pool2d", _recorded(F.avg_pool2d)))
    with _PATCHING, ExitStack() as stack:
        for place, name, replacement in patches:
            stack.enter_context(mock.patch.object(place, name, replacement, create=True))
        yield


class _Tracer(fx.Tracer):
    """Stops at modules that have a rule, besides those that torch defines."""

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        # One with a forward of its own does not do what its class does.
        if "forward" in vars(module):
            return False
        return find_module_rule(module) is not None or super().is_leaf_module(module, path)

    def create_node(self, *args: object, **kwargs: object) -> fx.Node:
        node = super().create_node(*args, **kwargs)  # type: ignore[arg-type]
        # The stack's last entry is the module whose forward is being traced.
        node.meta["owner"] = next(reversed([path for path, _ in self.module_stack.values()]), "")
        return node


def trace(model: nn.Module, training: bool = False) -> fx.Graph:
    """Trace a model's ``forward``.

    Args:
        model: Left in the mode that it is traced in.
        training: That mode.

    Returns:
        Its graph.

    Raises:
        UntraceableModelError: If ``torch.fx`` cannot follow it.
    """
    model.train(training)
    parameters = inspect.signature(model.forward).parameters.values()
    defaults = {p.name: p.default for p in parameters if isinstance(p.default, bool | int | float | str | None)}
    try:
        graph = _follow(model, {})
    except UntraceableModelError:
        # It may branch on a flag: then it is converted as it runs without one.
        if not defaults:
            raise
        return _follow(model, defaults)
    missing = {name: default for name, default in defaults.items() if default is None}
    if not missing:
        return graph
    # To `is None` a proxy says no, whatever the argument will be.
    try:
        without = _follow(model, missing)
    except UntraceableModelError:
        return graph
    return graph if same_calls(graph, without, missing) else without


def _follow(model: nn.Module, constants: dict[str, Any]) -> fx.Graph:
    """Trace a model for given values of some arguments."""
    try:
        with _more_recorded():
            graph = _Tracer().trace(model, concrete_args=constants or None)
    except (fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError, NameError, ValueError) as error:
        raise UntraceableModelError(
            f"torch.fx cannot trace {type(model).__qualname__}: {error}. Its forward may branch on tensor values; "
            "move such code into a module of its own and register a rule for that module's class with "
            "jpegdomain.register_rule"
        ) from error
    parameters = inspect.signature(model.forward).parameters.values()
    names = [p.name for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    for name, node in zip(names, placeholders, strict=False):
        if name in constants:
            _fix(graph, node, name, constants[name])
    return graph


def _fix(graph: fx.Graph, placeholder: fx.Node, name: str, value: Any) -> None:
    """Give an argument that was traced as a constant its name back, and fx's check of it an error that tells."""
    checks: list[fx.Node] = list(placeholder.users)
    for check in checks:
        checks.extend(check.users)
    for check in reversed(checks):
        graph.erase_node(check)
    placeholder.target = name
    last = [node for node in graph.nodes if node.op == "placeholder"][-1]
    with graph.inserting_after(last):
        refusal = graph.call_function(refuse_other, (placeholder, name, value))
        refusal.meta["owner"] = ""


def refuse_other(given: object, name: str, value: object) -> None:
    """Check an argument whose value decided what was converted.

    Args:
        given: To a converted model.
        name: Of the argument.
        value: That it was traced with, its default.

    Raises:
        InputError: If it is another value.
    """
    if given is not value and (value is None or given != value):
        shown = repr(given) if isinstance(given, bool | int | float | str | None) else type(given).__qualname__
        raise InputError(
            f"{name}: the source's forward makes other calls for other values of it, and was converted for {value!r}; "
            f"got {shown}. Convert a module that calls the source with the value that you need"
        )


def owner_path(node: fx.Node) -> str:
    """Name the module in whose ``forward`` a call stands.

    Args:
        node: Of a graph that `trace` made.

    Returns:
        Its path in the model, '' for the model itself.
    """
    return node.meta["owner"]


def same_calls(one: fx.Graph, other: fx.Graph, constants: Mapping[str, Any] | None = None) -> bool:
    """Say whether two graphs make the same calls.

    Args:
        one: Of a model in eval mode.
        other: Of the same model in training mode, or traced with arguments as constants.
        constants: Those arguments.

    Returns:
        Whether they do; the flag by which ``dropout`` knows its mode does not count.
    """
    fixed = {} if constants is None else constants

    def value(node: fx.Node) -> Any:
        return fixed.get(str(node.target), node) if node.op == "placeholder" else node

    def calls(graph: fx.Graph) -> list[tuple[str, ...]]:
        listed: list[tuple[str, ...]] = []
        for node in graph.nodes:
            if node.op == "placeholder" or node.target is refuse_other:
                continue
            arguments, keywords = fx.map_arg(node.args, value), dict(fx.map_arg(node.kwargs, value))
            if node.target is F.dropout:
                arguments = arguments[:2]
                keywords.pop("training", None)
            listed.append((node.op, str(node.target), str(arguments), str(keywords)))
        return listed

    return calls(one) == calls(other)
