"""The source's graph becomes the converted one: every call that meets an activation gets its rule's layer."""

from typing import Any

from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError

from . import rules  # noqa: F401  (fills the registry)
from .model import ENTRY
from .options import LayerOptions, Settings
from .registry import Replacement, find_module_rule, find_rule
from .tracing import owner_path

__all__ = ["Rewriter"]


class Rewriter:
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
