"""Shapes of everything in a source's graph, for an image of usual size; and copies of a model with other tensors."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, fx, nn

__all__ = ["Shapes", "copy_with_tensors", "input_channels", "shapes_of"]

Shapes: TypeAlias = dict[fx.Node, tuple[int, ...]]
"""Node → shape of its value, for nodes that give one tensor."""

_Model = TypeVar("_Model", bound=nn.Module)

_USUAL = (224, 32, 28, 299)
"""Sides of images that networks are made for; which domain is cheaper hardly depends on it."""


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps the shapes of what its nodes give."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.shapes: Shapes = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def shapes_of(graph: fx.Graph, source: nn.Module) -> Shapes:
    """Return the shapes for one image; none if the model runs on no usual image, or needs more than an image."""
    like = next((p for p in source.parameters() if p.is_floating_point()), torch.empty(()))
    channels = input_channels(graph, source) or 3
    generators = [like.device] if like.device.type == "cuda" else []
    # Nothing is computed on the meta device; but a model that looks at values runs on real ones only.
    for device in (torch.device("meta"), like.device):
        for side in _USUAL:
            # A copy, so that the run leaves no trace in the model's buffers, nor with those who hooked it.
            apart = copy_with_tensors(source, partial(Tensor.to, device=device, copy=True))
            recorder = _Recorder(apart, graph)
            try:
                with torch.no_grad(), torch.random.fork_rng(generators):
                    recorder.run(torch.rand(1, channels, side, side, dtype=like.dtype, device=device))
            except Exception:
                continue
            return recorder.shapes
    return {}


def input_channels(graph: fx.Graph, source: nn.Module) -> int | None:
    """Return the channels of the first called layer that has any, or None."""
    called = (source.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module")
    return next((int(c) for module in called if (c := channels_of(module)) is not None), None)


def channels_of(module: nn.Module) -> Any:
    """Return the channels that a module takes, as far as it has an attribute for them."""
    return getattr(module, "in_channels", getattr(module, "num_features", None))


def copy_with_tensors(model: _Model, replace: Callable[[Tensor], Tensor]) -> _Model:
    """Deep-copy a model without its hooks, each tensor replaced by `replace` of it; tied ones stay tied."""

    def replaced(tensor: Tensor) -> Tensor:
        values = replace(tensor.detach())
        return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values

    # deepcopy looks an object up here before it copies it.
    memo = {id(tensor): replaced(tensor) for tensor in (*model.parameters(), *model.buffers())}
    copied = copy.deepcopy(model, memo)
    for module in copied.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return copied
