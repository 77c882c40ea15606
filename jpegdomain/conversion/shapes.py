"""Shapes of everything in a source's graph, for an image of usual size; and copies of a model with other tensors."""

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import product
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, fx, nn

__all__ = ["Shapes", "channels_of", "copied", "copy_with_tensors", "shapes_of"]

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


def shapes_of(graph: fx.Graph, source: nn.Module) -> tuple[Shapes, int | None]:
    """Return the shapes for one image and the image's channels, as far as they are known.

    There are no shapes if the model runs on no usual image, or needs more than an image.
    """
    like = next((p for p in source.parameters() if p.is_floating_point()), torch.empty(()))
    guess = _first_channels(source.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module")
    generators = [like.device] if like.device.type == "cuda" else []
    # Nothing is computed on the meta device; but a model that looks at values runs on real ones only.
    for device, channels, side in product((torch.device("meta"), like.device), _candidates(guess), _USUAL):
        # A copy, so that the run leaves no trace in the model's buffers, nor with those who hooked it.
        recorder = _Recorder(copy_with_tensors(source, partial(Tensor.to, device=device, copy=True)), graph)
        try:
            with torch.no_grad(), torch.random.fork_rng(generators):
                recorder.run(torch.rand(1, channels, side, side, dtype=like.dtype, device=device))
        except Exception:
            continue
        return recorder.shapes, guess and channels
    return {}, guess


def channels_of(source: nn.Module) -> int | None:
    """Return the channels of the image for a model without a graph: those of its first convolution, if it runs."""
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
    """Channels to try: a first layer may take more than the image has, of space moved to depth, or of coordinates."""
    return list(dict.fromkeys((guess or 3, 3, 1)))


def _first_channels(modules: Iterable[nn.Module]) -> int | None:
    """The channels of the first convolution, or of the first layer that has any."""
    modules = list(modules)
    convolutions = [module for module in modules if isinstance(module, nn.modules.conv._ConvNd)]
    found = (getattr(m, "in_channels", getattr(m, "num_features", None)) for m in convolutions or modules)
    return next((channels for channels in found if isinstance(channels, int)), None)


def copied(model: _Model) -> _Model:
    """Deep-copy a model with its modules' modes, which torchvision's feature extractors lose."""
    own = copy.deepcopy(model)
    modes = {path: module.training for path, module in model.named_modules()}
    if own.training != model.training:
        own.train(model.training)
    for path, module in own.named_modules():
        module.training = modes.get(path, module.training)
    return own


def copy_with_tensors(model: _Model, replace: Callable[[Tensor], Tensor], hooks: bool = False) -> _Model:
    """Deep-copy a model, without its hooks unless `hooks`, each tensor replaced; tied ones stay tied."""

    def replaced(tensor: Tensor) -> Tensor:
        values = replace(tensor.detach())
        return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values

    # deepcopy looks an object up here before it copies it.
    memo = {id(tensor): replaced(tensor) for tensor in (*model.parameters(), *model.buffers())}
    own = copy.deepcopy(model, memo)
    for module in () if hooks else own.modules():
        module._forward_hooks.clear()
        module._forward_pre_hooks.clear()
    return own
