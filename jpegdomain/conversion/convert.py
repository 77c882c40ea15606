"""Trace, apply a rule per layer, rewrite: a spatial model becomes a converted one."""

import copy
from typing import Literal

import torch
from torch import fx, nn

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.entry import Entry, Values
from jpegdomain.errors import InputError
from jpegdomain.functional import Method
from jpegdomain.planning import Form

from .model import ENTRY, Container, ConvertedModel
from .options import PerLayer, Settings
from .rewriting import Rewriter
from .skeleton import skeleton
from .tracing import trace

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
        UnsupportedLayerError: If a layer has no rule; the message names it.
        ValueError: If an option has a value that there is not, or names a layer that there is not.
    """
    if not isinstance(model, nn.Module) or isinstance(model, ConvertedModel):
        raise InputError(f"convert takes a spatial torch.nn.Module, got {type(model).__qualname__}")
    if plan != "transform":
        raise ValueError(f"plan is 'transform', got {plan!r}")
    settings = Settings(frequencies, relu, form)
    own = copy.deepcopy(model)
    rewriter = Rewriter(own, settings)
    graph = rewriter.rewrite(trace(own))
    settings.check_used()
    converted = ConvertedModel(graph, skeleton(model))
    _mirror(model, own, rewriter.layers, converted)
    for path, layer in rewriter.layers.items():
        if not _has(converted, path):
            converted.get_submodule(path.rpartition(".")[0]).add_module(path.rpartition(".")[2], layer)
    converted.add_module(ENTRY, Entry(_input_channels(converted), mean, std))
    _share_memory(converted)
    converted.recompile()
    for layer in rewriter.made:
        layer.train(model.training)
    converted.training = model.training
    return _channels_last(converted)


def _channels_last(model: ConvertedModel) -> ConvertedModel:
    """Lay the kernels out as activations are."""
    for parameter in model.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


_NEW_MEMORY = (layers.Conv2d, layers.BatchNorm2d, layers.MaxPool2d, layers.AvgPool2d)
"""Layers whose result is always memory of its own."""


def _share_memory(converted: ConvertedModel) -> None:
    """Let a layer write over its input where nobody else reads it: the call says so, ``inplace=True``."""
    for node in converted.graph.nodes:
        layer = converted.get_submodule(str(node.target)) if node.op == "call_module" else None
        if not isinstance(layer, layers.BatchNorm2d | layers.Piecewise):
            continue
        source = node.args[0]
        if source.op == "call_module" and len(source.users) == 1:
            producer = converted.get_submodule(str(source.target))
            added = isinstance(producer, layers.Call) and producer.function is functional.add
            if added or isinstance(producer, _NEW_MEMORY):
                node.kwargs = {"inplace": True}
                layer.producers = (*layer.producers, producer)


def _has(model: nn.Module, path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return name in model.get_submodule(owner)._modules


def _mirror(original: nn.Module, own: nn.Module, layers: dict[str, nn.Module], converted: ConvertedModel) -> None:
    """Lay the source's tree of modules out again in `converted`: same names, order, parameters and modes."""
    modes = {path: module.training for path, module in original.named_modules(remove_duplicate=False)}
    made: dict[int, nn.Module] = {}
    # By identity: a module that stands in two places is one layer in both.
    layer_of = {id(own.get_submodule(path)): layer for path, layer in layers.items() if _has(own, path)}
    # Traced-through or not: what is below a leaf comes along with it.
    leaves: list[str] = []
    for path, module in own.named_modules(remove_duplicate=False):
        if any(path.startswith(leaf + ".") for leaf in leaves):
            continue
        target: nn.Module
        if path == "":
            target = converted
        elif id(module) in layer_of or not list(module.children()):
            leaves.append(path)
            target = layer_of.get(id(module), module)
            for below, part in target.named_modules():
                part.training = modes.get(f"{path}.{below}" if below else path, modes[path])
        elif type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict):
            target = made.setdefault(id(module), type(module)())
        else:
            target = made.setdefault(id(module), Container(type(module).__qualname__))
        if target is not module and id(module) not in layer_of:
            target._parameters.update(module._parameters)
            target._buffers.update(module._buffers)
            target._non_persistent_buffers_set.update(module._non_persistent_buffers_set)
            target.training = modes[path]
        if path:
            owner, _, name = path.rpartition(".")
            converted.get_submodule(owner).add_module(name, target)
    for name in _constants(converted.graph):
        if not hasattr(converted, name):
            setattr(converted, name, getattr(own, name))


def _constants(graph: fx.Graph) -> list[str]:
    """Tensors that the tracer put on the model itself, besides its parameters and buffers."""
    return [str(node.target) for node in graph.nodes if node.op == "get_attr" and "." not in str(node.target)]


def _input_channels(converted: ConvertedModel) -> int | None:
    for node in converted.graph.nodes:
        if node.op == "call_module" and node.target != ENTRY:
            module = converted.get_submodule(str(node.target))
            channels = getattr(module, "in_channels", getattr(module, "num_features", None))
            if channels is not None:
                return int(channels)
    return None
