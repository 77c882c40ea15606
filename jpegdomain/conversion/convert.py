"""Trace, apply a rule per layer, rewrite: a spatial model becomes a converted one."""

import copy
from typing import Any, Literal

import torch
from torch import fx, nn

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.entry import Entry, Values
from jpegdomain.errors import InputError, UnsupportedLayerError
from jpegdomain.functional import Method
from jpegdomain.planning import Form

from . import rules  # noqa: F401  (fills the registry)
from .model import ENTRY, Container, ConvertedModel
from .options import LayerOptions, PerLayer, Settings
from .registry import Replacement, find_module_rule, find_rule
from .skeleton import skeleton
from .tracing import owner_path, trace

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
    rewriter = _Rewriter(own, settings)
    graph = rewriter.rewrite(trace(own))
    settings.check_used()
    converted = ConvertedModel(graph, skeleton(model))
    _mirror(model, own, rewriter.layers, converted)
    for path, layer in rewriter.layers.items():
        if not _has(converted, path):
            converted.get_submodule(path.rpartition(".")[0]).add_module(path.rpartition(".")[2], layer)
    converted.add_module(ENTRY, Entry(_input_channels(converted), mean, std))
    _share_memory(converted)
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


_OVERWRITABLE = (layers.Conv2d, layers.BatchNorm2d, layers.MaxPool2d, layers.AvgPool2d)
"""Layers whose result is always new memory."""


def _share_memory(converted: ConvertedModel) -> None:
    """Tell each layer whose input nobody else reads that it may write over it."""
    producers: dict[nn.Module, set[nn.Module | None]] = {}
    for node in converted.graph.nodes:
        if node.op != "call_module":
            continue
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        producer = None
        if source is not None and source.op == "call_module" and len(source.users) == 1:
            module = converted.get_submodule(str(source.target))
            added = isinstance(module, layers.Call) and module.function is functional.add
            producer = module if added or isinstance(module, _OVERWRITABLE) else None
        producers.setdefault(converted.get_submodule(str(node.target)), set()).add(producer)
    for module, found in producers.items():
        if isinstance(module, layers.Layer) and None not in found:
            module.producers = tuple(producer for producer in found if producer is not None)


def _has(model: nn.Module, path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return name in model.get_submodule(owner)._modules


def _mirror(original: nn.Module, own: nn.Module, layers: dict[str, nn.Module], converted: ConvertedModel) -> None:
    """Lay the source's tree of modules out again in `converted`: same names, order, parameters and modes."""
    modes = {path: module.training for path, module in original.named_modules(remove_duplicate=False)}
    made: dict[int, nn.Module] = {}
    # Traced-through or not: what is below a leaf comes along with it.
    leaves: list[str] = []
    for path, module in own.named_modules(remove_duplicate=False):
        if any(path.startswith(leaf + ".") for leaf in leaves):
            continue
        target: nn.Module
        if path == "":
            target = converted
        elif path in layers or not list(module.children()):
            leaves.append(path)
            target = layers.get(path, module)
            for below, part in target.named_modules():
                part.training = modes.get(f"{path}.{below}" if below else path, modes[path])
        elif type(module) in (nn.Sequential, nn.ModuleList, nn.ModuleDict):
            target = made.setdefault(id(module), type(module)())
        else:
            target = made.setdefault(id(module), Container(type(module).__qualname__))
        if target is not module and path not in layers:
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


class _Rewriter:
    """Walks the source's graph and builds the converted one.

    Args:
        source: The model's copy, whose modules rules may take over.
        settings: Of the conversion.
    """

    def __init__(self, source: nn.Module, settings: Settings) -> None:
        self.source = source
        self.settings = settings
        self.layers: dict[str, nn.Module] = {}
        """Path → the layer that stands there in the converted model."""
        self.made: list[nn.Module] = []
        """Layers that no source module stands behind."""
        self._graph = fx.Graph()
        self._new: dict[fx.Node, fx.Node] = {}
        self._transform: set[fx.Node] = set()
        """Nodes of the source's graph whose value is an activation."""
        self._plain: set[str] = set()

    def rewrite(self, graph: fx.Graph) -> fx.Graph:
        """Rewrite a graph.

        Args:
            graph: Of the source.

        Returns:
            A graph whose first module is the entry.
        """
        first = True
        for node in graph.nodes:
            node = self._after_inplace(node)
            if node.op == "placeholder":
                copied = self._graph.node_copy(node)
                copied.type = None
                if first:
                    self._transform.add(node)
                    copied = self._graph.call_module(ENTRY, (copied,))
                self._new[node], first = copied, False
            elif any(argument in self._transform for argument in node.all_input_nodes) and node.op != "output":
                self._convert(node)
            else:
                self._keep(node)
        self._graph.lint()
        return self._graph

    def _after_inplace(self, node: fx.Node) -> fx.Node:
        """Make later readers of a tensor that `node` overwrites read the result instead."""
        target = node.target
        module = self.source.get_submodule(str(target)) if node.op == "call_module" else None
        writes = (
            getattr(module, "inplace", False)
            or node.kwargs.get("inplace", False)
            or (node.op == "call_method" and str(target).endswith("_") and not str(target).endswith("__"))
        )
        if writes and node.args and isinstance(node.args[0], fx.Node):
            seen = {*self._new, node}
            node.args[0].replace_all_uses_with(node, delete_user_cb=lambda user: user not in seen)
        return node

    def _keep(self, node: fx.Node) -> None:
        """Copy a call that meets no activation: it stays what it was.

        Raises:
            UnsupportedLayerError: If the same module is also called on activations.
        """
        if node.op == "call_module":
            path = str(node.target)
            if path in self.layers and path not in self._plain:
                raise UnsupportedLayerError(
                    f"{path}: {type(self.source.get_submodule(path)).__qualname__} is called on feature maps and on "
                    "plain tensors; give the model two modules"
                )
            self._plain.add(path)
            self.layers[path] = self.source.get_submodule(path)
        self._new[node] = self._graph.node_copy(node, lambda argument: self._new[argument])

    def _convert(self, node: fx.Node) -> None:
        """Put a rule's layer in the place of a call that meets an activation."""
        module = self.source.get_submodule(str(node.target)) if node.op == "call_module" else None
        path = str(node.target) if module is not None else self._call_path(node)
        if module is not None and path in self._plain:
            raise UnsupportedLayerError(
                f"{path}: {type(module).__qualname__} is called on plain tensors and on feature maps; give the model "
                "two modules"
            )
        arguments, kwargs = node.args, node.kwargs
        if module is not None and path in self.layers:
            layer = self.layers[path]
        else:
            replacement = self._apply_rule(node, module, self.settings.of(path))
            if replacement is None:
                self._new[node] = self._graph.node_copy(node, lambda argument: self._new[argument])
                return
            if isinstance(replacement, tuple):
                layer, arguments, kwargs = *replacement, {}
            else:
                layer = replacement
            self.layers[path] = layer
            if module is None:
                self.made.append(layer)
        new = self._graph.call_module(
            path,
            fx.map_arg(arguments, lambda argument: self._new[argument]),
            fx.map_arg(kwargs, lambda argument: self._new[argument]),
        )
        self._new[node] = new
        if getattr(layer, "returns", "transform") == "transform":
            self._transform.add(node)

    def _apply_rule(self, node: fx.Node, module: nn.Module | None, options: LayerOptions) -> Replacement:
        rule = find_rule(node.target) if module is None else find_module_rule(module)
        if rule is not None:
            return rule(node if module is None else module, options)
        if module is not None:
            what = f"{type(module).__module__}.{type(module).__qualname__}"
            key = type(module).__qualname__
        elif node.op == "call_method":
            what, key = f"the tensor method {node.target!r}", repr(node.target)
        else:
            what = f"the function {_function_name(node.target)}"
            key = _function_name(node.target)
        raise UnsupportedLayerError(
            f"{options.path}: no rule converts {what}. Register one: "
            f"`@jpegdomain.register_rule({key})` above a function (layer, options) that returns the module to run on "
            "activations; for a function of single pixels that is jpegdomain.nn.Pointwise(layer)"
        )

    def _call_path(self, node: fx.Node) -> str:
        """A free name, beside the modules of the one whose code makes the call."""
        owner = owner_path(node)
        prefix = f"{owner}." if owner else ""
        base = _function_name(node.target).rpartition(".")[2].strip("_")
        siblings = self.source.get_submodule(owner)._modules
        number, name = 0, base
        while f"{prefix}{name}" in self.layers or name in siblings or hasattr(nn.Module, name):
            number += 1
            name = f"{base}_{number}"
        return f"{prefix}{name}"


def _function_name(target: Any) -> str:
    if isinstance(target, str):
        return target
    # boolean_dispatch of torch.nn.functional hides the names of its functions.
    for name in ("max_pool2d", "adaptive_max_pool2d", "fractional_max_pool2d"):
        if target is getattr(nn.functional, name):
            return f"torch.nn.functional.{name}"
    return f"{getattr(target, '__module__', None) or 'torch'}.{getattr(target, '__name__', target)}"
