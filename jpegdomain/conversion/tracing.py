"""The model as a graph of calls, by ``torch.fx``."""

import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import UntraceableModelError

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
    try:
        with _more_recorded():
            return _Tracer().trace(model)
    except (fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError, NameError, ValueError) as error:
        raise UntraceableModelError(
            f"torch.fx cannot trace {type(model).__qualname__}: {error}. Its forward may branch on tensor values; "
            "move such code into a module of its own and register a rule for that module's class with "
            "jpegdomain.register_rule"
        ) from error


def owner_path(node: fx.Node) -> str:
    """Name the module in whose ``forward`` a call stands.

    Args:
        node: Of a graph that `trace` made.

    Returns:
        Its path in the model, '' for the model itself.
    """
    return node.meta["owner"]


def same_calls(one: fx.Graph, other: fx.Graph) -> bool:
    """Say whether two graphs make the same calls.

    Args:
        one: Of a model in eval mode.
        other: Of the same model in training mode.

    Returns:
        Whether they do; the flag by which ``dropout`` knows its mode does not count.
    """

    def calls(graph: fx.Graph) -> list[tuple[str, ...]]:
        listed: list[tuple[str, ...]] = []
        for node in graph.nodes:
            arguments, keywords = node.args, dict(node.kwargs)
            if node.target is F.dropout:
                arguments = arguments[:2]
                keywords.pop("training", None)
            listed.append((node.op, str(node.target), str(arguments), str(keywords)))
        return listed

    return calls(one) == calls(other)
