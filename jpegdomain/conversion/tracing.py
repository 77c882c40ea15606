"""The model as a graph of calls, by ``torch.fx``."""

import operator
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import UntraceableModelError

from .registry import find_module_rule

__all__ = ["owner_path", "same_calls", "trace"]


class _Proxy(fx.Proxy):
    """Records ``y += z`` as the write that it is; fx's own proxy makes an addition of it."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})


class _Tracer(fx.Tracer):
    """Stops at modules that have a rule, besides those that torch defines."""

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        return find_module_rule(module) is not None or super().is_leaf_module(module, path)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

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
