"""Shapes of everything in a source's graph, for an image of a usual size."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn

from .copying import copy_with_tensors

__all__ = ["Shapes", "channels_of", "shapes_of"]

Shapes: TypeAlias = dict[fx.Node, tuple[int, ...]]
"""The shape of each node's value, for nodes whose value is one tensor."""

_USUAL = (224, 32, 28, 299)
"""Usual image sizes; which domain is cheaper hardly depends on the size."""


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps the shapes of its nodes' values."""

    def __init__(self, module: nn.Module, graph: fx.Graph) -> None:
        super().__init__(module, graph=graph)
        self.shapes: Shapes = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result


def shapes_of(graph: fx.Graph, source: nn.Module) -> tuple[Shapes, int | None]:
    """Return the shapes for one image, empty if the model accepts no usual size; and its channels, if known."""
    like = next((p for p in source.parameters() if p.is_floating_point()), torch.empty(()))
    called = [source.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"]
    guess = _first_channels(called)
    generators = [like.device] if like.device.type == "cuda" else []
    # Nothing is computed on the meta device; but a model that looks at values needs real ones.
    for device, channels, side in product((torch.device("meta"), like.device), _candidates(guess), _USUAL):
        # A copy, so that the run neither changes the model's buffers nor calls its hooks.
        recorder = _Recorder(copy_with_tensors(source, partial(Tensor.to, device=device, copy=True)), graph)
        try:
            with torch.no_grad(), torch.random.fork_rng(generators):
                recorder.run(torch.rand(1, channels, side, side, dtype=like.dtype, device=device))
        except Exception:
            continue
        return recorder.shapes, guess and channels
    return {}, guess


def channels_of(source: nn.Module) -> int | None:
    """Return the channels that a model without a graph takes, judging by its first convolution and by trying."""
    guess = _first_channels(source.modules())
    if guess in (None, 1, 3):
        return guess
    like = next((p for p in source.parameters() if p.is_floating_point()), torch.empty(()))
    for channels, side in product(_candidates(guess), _USUAL):
        apart = copy_with_tensors(source, partial(Tensor.to, device="meta", copy=True)).eval()
        with suppress(Exception), torch.no_grad():
            apart(torch.empty(1, channels, side, side, dtype=like.dtype, device="meta"))
            return channels
    return guess


def _candidates(guess: int | None) -> list[int]:
    """Channels to try: a first layer may take more channels than the image has, after space-to-depth or coordinates."""
    return list(dict.fromkeys((guess or 3, 3, 1)))


def _first_channels(modules: Iterable[nn.Module]) -> int | None:
    """The channels of the first convolution, or of the first layer that has any."""
    modules = list(modules)
    convolutions = [module for module in modules if isinstance(module, nn.modules.conv._ConvNd)]
    for module in convolutions or modules:
        channels = getattr(module, "in_channels", getattr(module, "num_features", None))
        if isinstance(channels, int):
            return channels
    return None
