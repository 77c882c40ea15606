"""The model as a graph of calls, by ``torch.fx``."""

import torch
from torch import fx, nn

from jpegdomain.errors import UntraceableModelError

from .registry import find_module_rule

__all__ = ["owner_path", "trace"]


class _Tracer(fx.Tracer):
    """Stops at modules that have a rule, besides those that torch defines."""

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        return find_module_rule(module) is not None or super().is_leaf_module(module, path)

    def create_node(self, *args: object, **kwargs: object) -> fx.Node:
        node = super().create_node(*args, **kwargs)  # type: ignore[arg-type]
        # The stack's last entry is the module whose forward is being traced.
        node.meta["owner"] = next(reversed([path for path, _ in self.module_stack.values()]), "")
        return node


def trace(model: nn.Module) -> fx.Graph:
    """Trace a model's ``forward`` in eval mode.

    Args:
        model: Left in eval mode.

    Returns:
        Its graph.

    Raises:
        UntraceableModelError: If ``torch.fx`` cannot follow it.
    """
    model.eval()
    try:
        return _Tracer().trace(model)
    except (torch.fx.proxy.TraceError, TypeError, RuntimeError, NotImplementedError) as error:
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
