"""Memory between layers: where a result is read once, by a layer that can write over it, nothing new is taken."""

import copy

from torch import fx, nn
from torch.nn.modules import module as torch_module

from jpegdomain import functional
from jpegdomain import nn as layers

__all__ = ["overwriting", "untouched"]

_NEW_MEMORY = (layers.Conv2d, layers.BatchNorm2d, layers.MaxPool2d, layers.AvgPool2d)
"""Layers whose result is always memory of its own."""

_WRITERS = (layers.BatchNorm2d, layers.Piecewise)
"""Layers that take ``inplace``."""


def overwriting(model: nn.Module, graph: fx.Graph) -> tuple[fx.Graph, tuple[tuple[str, nn.Module], ...]]:
    """Make a copy of a graph whose layers write over what nobody else reads.

    Args:
        model: With the graph's modules.
        graph: Of a converted model.

    Returns:
        The graph, and the modules that it relies on with their paths: it holds while `untouched` says so.
    """
    graph = copy.deepcopy(graph)
    relied: dict[str, nn.Module] = {}
    for node in graph.nodes:
        source = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
            continue
        producer, layer = (model.get_submodule(str(call.target)) for call in (source, node))
        writes = isinstance(layer, _WRITERS) or _adds(layer)
        if writes and (isinstance(producer, _NEW_MEMORY) or _adds(producer)):
            node.kwargs = {**node.kwargs, "inplace": True}
            relied |= {str(source.target): producer, str(node.target): layer}
    return graph, tuple(relied.items())


def _adds(module: nn.Module) -> bool:
    return isinstance(module, layers.Call) and module.function is functional.add


def untouched(model: nn.Module, relied: tuple[tuple[str, nn.Module], ...]) -> bool:
    """Say whether the modules are still the same, and no hook sees, or may have kept, what flows between them.

    Args:
        model: The converted model.
        relied: From `overwriting`.

    Returns:
        Whether results may be written over.
    """
    if torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks:
        return False
    return all(
        model.get_submodule(path) is module and not module._forward_hooks and not module._forward_pre_hooks
        for path, module in relied
    )
