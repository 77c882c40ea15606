"""The source's graph becomes the converted one: every call that meets an activation gets its rule's layer."""

from typing import Any

from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized

from jpegdomain.errors import UnsupportedLayerError

from . import rules  # noqa: F401  (fills the registry)
from .inplace import redirect_readers
from .model import ENTRY
from .options import LayerOptions, Settings
from .registry import AS_IT_IS, Replacement, find_module_rule, find_rule
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
        """Path → what stands there in the converted model."""
        self.made: list[nn.Module] = []
        """Layers that no source module stands behind."""
        self._graph = fx.Graph()
        self._new: dict[fx.Node, fx.Node] = {}
        self._transform: set[fx.Node] = set()
        """Nodes of the source's graph whose value is an activation."""
        self._places: dict[tuple[str, bool], str] = {}
        """(path in the source, whether called on activations) → path in the converted model."""

    def rewrite(self, graph: fx.Graph) -> fx.Graph:
        """Rewrite a graph.

        Args:
            graph: Of the source.

        Returns:
            A graph whose first module is the entry.
        """
        first = True
        for node in graph.nodes:
            if node.op == "placeholder":
                copied = self._graph.node_copy(node)
                copied.type = None
                if first:
                    self._transform.add(node)
                    copied = self._graph.call_module(ENTRY, (copied,))
                self._new[node], first = copied, False
            elif any(argument in self._transform for argument in node.all_input_nodes) and node.op != "output":
                redirect_readers(node, self.source, set(self._new), node.name)
                self._convert(node)
            else:
                self._keep(node)
        self._graph.lint()
        return self._graph

    def _keep(self, node: fx.Node) -> None:
        """Copy a call that meets no activation: it stays what it was."""
        copied = self._graph.node_copy(node, lambda argument: self._new[argument])
        if node.op == "call_module":
            module = self.source.get_submodule(str(node.target))
            copied.target = self._place(node, module, on_activations=False)
            self.layers[copied.target] = module
        self._new[node] = copied

    def _convert(self, node: fx.Node) -> None:
        """Put a rule's layer in the place of a call that meets an activation."""
        module = self.source.get_submodule(str(node.target)) if node.op == "call_module" else None
        path = self._call_path(node) if module is None else self._place(node, module, on_activations=True)
        arguments, kwargs = node.args, dict(node.kwargs)
        if module is not None and not arguments and "input" in kwargs:
            # torch's name for what layers here call as they like.
            arguments = (kwargs.pop("input"),)
        if module is not None and path in self.layers:
            layer = self.layers[path]
        else:
            replacement = self._apply_rule(node, module, self.settings.of(path))
            if replacement is AS_IT_IS:
                self._new[node] = self._graph.node_copy(node, lambda argument: self._new[argument])
                return
            if isinstance(replacement, tuple):
                replacement, arguments = replacement
                kwargs = {}
            if not isinstance(replacement, nn.Module):
                raise TypeError(f"{path}: the rule for {node.target} returned {replacement!r}, not a module")
            layer = replacement
            self.settings.taken(path, layer)
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

    def _place(self, node: fx.Node, module: nn.Module, *, on_activations: bool) -> str:
        """Where a module called in one domain stands: at its own path, unless the other domain has taken that."""
        path = str(node.target)
        if (path, on_activations) not in self._places:
            place = path
            if (path, not on_activations) in self._places:
                if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
                    raise UnsupportedLayerError(
                        f"{path}: {type(module).__qualname__} is called on feature maps and on plain tensors; give the "
                        "model two modules"
                    )
                place = self._free_path(*path.rpartition(".")[::2])
            self._places[path, on_activations] = place
        return self._places[path, on_activations]

    def _apply_rule(self, node: fx.Node, module: nn.Module | None, options: LayerOptions) -> Replacement:
        if module is not None and is_parametrized(module):
            raise UnsupportedLayerError(
                f"{options.path}: {type(module).__qualname__} computes its weights from others; call "
                "torch.nn.utils.parametrize.remove_parametrizations on it first"
            )
        rule = find_rule(node.target) if module is None else find_module_rule(module)
        if rule is not None:
            return rule(node if module is None else module, options)
        if module is not None:
            what = f"{type(module).__module__}.{type(module).__qualname__}"
            key, returned = type(module).__qualname__, "jpegdomain.nn.Pointwise(layer)"
        else:
            name = _function_name(node.target)
            method = node.op == "call_method"
            what = f"the tensor method {name!r}" if method else f"the function {name}"
            key = repr(name) if method else name
            returned = "jpegdomain.nn.PixelFunction(function), node.args"
        raise UnsupportedLayerError(
            f"{options.path}: no rule converts {what}. Register one: `@jpegdomain.register_rule({key})` above a "
            f"function of ({'node' if module is None else 'layer'}, options) that returns the module to run on "
            f"activations; for a function of single pixels: return {returned}"
        )

    def _call_path(self, node: fx.Node) -> str:
        """A name for a call, beside the modules of the one whose code makes it."""
        return self._free_path(owner_path(node), _function_name(node.target).rpartition(".")[2].strip("_"))

    def _free_path(self, owner: str, base: str) -> str:
        prefix = f"{owner}." if owner else ""
        number, name = 0, base
        while f"{prefix}{name}" in self.layers or hasattr(self.source.get_submodule(owner), name):
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
