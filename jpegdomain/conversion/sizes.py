"""Shapes of everything in a source's graph, for an image of usual size."""

from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn

from .copying import copy_with_tensors

__all__ = ["Shapes", "input_channels", "shapes_of"]

Shapes: TypeAlias = dict[fx.Node, tuple[int, ...]]
"""Node → shape of its value, for nodes that give one tensor."""

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
    """Work out shapes for one image.

    Args:
        graph: Of the source.
        source: The model.

    Returns:
        The shapes; none if the model runs on no usual image, or needs more than an image.
    """
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
    """Find out how many channels a model takes.

    Args:
        graph: Of the model.
        source: With the graph's modules.

    Returns:
        Channels of the first layer that has any, or None.
    """
    for node in graph.nodes:
        if node.op == "call_module":
            module = source.get_submodule(str(node.target))
            channels = getattr(module, "in_channels", getattr(module, "num_features", None))
            if channels is not None:
                return int(channels)
    return None
