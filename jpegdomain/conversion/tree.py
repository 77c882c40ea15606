"""The source's tree of modules, laid out again with layers in the place of what they replace."""

import torch
from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError

from .model import Container, ConvertedModel
from .recording import ENTRY

__all__ = ["lay_out"]

_INDEXED = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Containers that are kept as they are, for what indexes them."""


def lay_out(
    original: nn.Module, own: nn.Module, layers: dict[str, nn.Module], graph: fx.Graph, converted: ConvertedModel
) -> None:
    """Give a converted model its modules: the source's names, order, parameters and modes.

    Args:
        original: The source, for its modes.
        own: The source's copy, whose modules, parameters and buffers go over.
        layers: Path → what stands there in the converted model.
        graph: Of the converted model, for the constants that it reads.
        converted: To be filled.

    Raises:
        UnsupportedLayerError: If a name is taken, or a module that will not be called has hooks.
    """
    modes = {path: module.training for path, module in original.named_modules(remove_duplicate=False)}
    containers: dict[int, nn.Module] = {}
    # By identity: a module that stands in two places is one layer in both.
    layer_of = {id(own.get_submodule(path)): layer for path, layer in layers.items() if _has(own, path)}
    leaves: list[str] = []
    for path, module in own.named_modules(remove_duplicate=False):
        # What is below a leaf comes along with it.
        if any(path.startswith(f"{leaf}.") for leaf in leaves):
            continue
        if path and (id(module) in layer_of or not list(module.children())):
            leaves.append(path)
            target = layer_of.get(id(module), module)
            for below, part in target.named_modules():
                part.training = modes.get(f"{path}.{below}" if below else path, modes[path])
        else:
            target = converted if not path else containers.setdefault(id(module), _container(module))
            _take_tensors(path, module, target)
            target.training = modes[path]
        if path:
            _put(converted, path, target)
    for path, layer in layers.items():
        if not _has(converted, path):
            _put(converted, path, layer)
    _keep_constants(graph, own, converted)


def _container(module: nn.Module) -> nn.Module:
    return type(module)() if type(module) in _INDEXED else Container(type(module).__qualname__)


def _has(model: nn.Module, path: str) -> bool:
    owner, _, name = path.rpartition(".")
    return name in model.get_submodule(owner)._modules


def _put(converted: ConvertedModel, path: str, module: nn.Module) -> None:
    owner, _, name = path.rpartition(".")
    place = converted.get_submodule(owner)
    if name == ENTRY or (hasattr(place, name) and not _has(converted, path)):
        raise UnsupportedLayerError(f"{path}: a converted model needs this name for itself; rename the module")
    place.add_module(name, module)


def _take_tensors(path: str, module: nn.Module, target: nn.Module) -> None:
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedLayerError(
            f"{path or type(module).__qualname__}: its forward becomes part of a graph and its hooks would never be "
            "called; remove them first"
        )
    for name in (*module._parameters, *module._buffers):
        if hasattr(target, name):
            raise UnsupportedLayerError(f"{path or 'model'}.{name}: a converted model needs this name for itself")
    target._parameters.update(module._parameters)
    target._buffers.update(module._buffers)
    target._non_persistent_buffers_set.update(module._non_persistent_buffers_set)


def _keep_constants(graph: fx.Graph, own: nn.Module, converted: ConvertedModel) -> None:
    """Tensors that the graph reads but that are neither parameters nor buffers: they move as buffers do."""
    for node in graph.nodes:
        if node.op != "get_attr":
            continue
        owner, _, name = str(node.target).rpartition(".")
        place = converted.get_submodule(owner)
        if not hasattr(place, name):
            value = getattr(own.get_submodule(owner), name)
            if not isinstance(value, torch.Tensor):
                raise UnsupportedLayerError(f"{node.target}: a {type(value).__qualname__} cannot be part of the graph")
            place.register_buffer(name, value, persistent=False)
