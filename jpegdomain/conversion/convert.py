"""Trace, apply a rule per layer, rewrite: a spatial model becomes a converted one."""

import copy
from typing import Literal

import torch
from torch import fx, nn

from jpegdomain.entry import Entry, Values
from jpegdomain.errors import InputError, UntraceableModelError
from jpegdomain.functional import Method
from jpegdomain.planning import Form

from .model import ENTRY, ConvertedModel
from .options import PerLayer, Settings
from .rewriting import Rewriter
from .skeleton import skeleton
from .tracing import same_calls, trace
from .tree import lay_out

__all__ = ["convert"]


def convert(
    model: nn.Module,
    *,
    frequencies: PerLayer[int] = 15,
    relu: Method = "asm",
    mean: Values | None = None,
    std: Values | None = None,
    plan: Literal["transform"] = "transform",
    form: PerLayer[Form | Literal["auto"]] = "auto",
) -> ConvertedModel:
    """Rewrite a spatial model so that it runs on JPEG coefficients (Ehrlich & Davis 2019, section 4.6).

    For pixels I, ``convert(model)(encode(I))`` is ``model(I)`` to floating-point error at 15 frequencies; for files,
    ``convert(model)(collate(images))`` is the model on ``decode_rgb``, normalised by mean and std.

    The model is traced by ``torch.fx`` in eval mode and not modified; nothing is shared with it, and the result has
    its mode.

    Args:
        model: A convolutional network whose input is (n, c, h, w).
        frequencies: 1…15, the spatial frequencies that decide on the pieces of ReLU, max-pooling and the like; 15 is
            exact. One number, or layer path (or fnmatch pattern) → number.
        relu: 'asm', approximated spatial masking, or 'apx', the function of the truncated reconstruction.
        mean: Of the model's input channels on the scale 0…1, folded into the entry; ImageNet's for 3 channels, else 0.
        std: Likewise; ImageNet's for 3 channels, else 1.
        plan: 'transform': every activation between layers is in the transform domain.
        form: Overrules the planner: 'dense', 'stencil', 'factored' or 'auto' for convolutions, one or per layer path.

    Returns:
        A module that takes a `JpegBatch` or an `Activation` and returns what the model returns.

    Raises:
        InputError: If `model` is not a module, or already converted.
        UnsupportedLayerError: If a layer has no rule, or cannot be converted as it is used; the message names it.
        UntraceableModelError: If ``torch.fx`` cannot follow the model.
        ValueError: If an option has a value that there is not, or names a layer that there is not.
    """
    if not isinstance(model, nn.Module) or isinstance(model, ConvertedModel):
        raise InputError(f"convert takes a spatial torch.nn.Module, got {type(model).__qualname__}")
    if plan != "transform":
        raise ValueError(f"plan is 'transform', got {plan!r}")
    settings = Settings(frequencies, relu, form)
    own = copy.deepcopy(model)
    graph = trace(own)
    trains = _trains(graph, skeleton(model))
    rewriter = Rewriter(own, settings)
    graph = rewriter.rewrite(graph)
    settings.check_used()
    converted = ConvertedModel(graph, skeleton(model), trains)
    lay_out(model, own, rewriter.layers, graph, converted)
    converted.add_module(ENTRY, Entry(_input_channels(graph, converted), mean, std))
    for layer in rewriter.made:
        layer.train(model.training)
    converted.training = model.training
    for parameter in converted.parameters():
        if parameter.dim() == 4:
            # Kernels in the layout of the activations that they meet.
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    converted.recompile()
    return converted


def _trains(graph: fx.Graph, source: nn.Module) -> bool:
    """Whether the model makes the same calls in training; `graph` is lost to rewriting afterwards."""
    try:
        return same_calls(graph, trace(source, training=True))
    except UntraceableModelError:
        return False


def _input_channels(graph: fx.Graph, converted: ConvertedModel) -> int | None:
    """Channels of the first layer that has any."""
    for node in graph.nodes:
        if node.op == "call_module" and node.target != ENTRY:
            module = converted.get_submodule(str(node.target))
            channels = getattr(module, "in_channels", getattr(module, "num_features", None))
            if channels is not None:
                return int(channels)
    return None
