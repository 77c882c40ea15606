"""Which calls in a source's graph are given feature maps, and what each becomes on activations."""

from dataclasses import dataclass
from typing import Any

from torch import fx, nn
from torch.nn.utils.parametrize import is_parametrized

from jpegdomain.domains import Domain
from jpegdomain.errors import UnsupportedLayerError
from jpegdomain.nn import BatchNormAct2d, Call, Island, Pointwise

from . import rules  # noqa: F401  (fills the registry)
from .inplace import memory_written, redirect_readers
from .options import LayerOptions, Settings
from .registry import AS_IT_IS, Replacement, find_module_rule, find_rule
from .shapes import Shapes
from .tracing import owner_path

__all__ = ["FeatureCall", "FeatureCalls", "find_feature_calls", "function_name"]


@dataclass
class FeatureCall:
    """A call that is given feature maps.

    Args:
        path: The layer's name.
        module: The source's module; None if a function or a method is called.
        layer: The layer that runs on activations; None if there is none.
        arguments: The layer's arguments, nodes of the source's graph.
        keywords: The layer's keyword arguments.
        returns_pixels: Whether the layer always returns plain pixels.
    """

    path: str
    module: nn.Module | None
    layer: nn.Module | None
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    returns_pixels: bool

    def can_run(self, domain: Domain) -> bool:
        """Return whether the call has a form in a domain."""
        if domain == "pixels":
            # A form that was requested explicitly is one on coefficients.
            return getattr(self.layer, "form", "auto") == "auto"
        return self.layer is not None

    @property
    def island(self) -> bool:
        """True if it has no closed form on coefficients and runs between J̃ and J."""
        layer = self.layer.act if isinstance(self.layer, BatchNormAct2d) else self.layer
        transforms = layer.transforms if isinstance(layer, Call) else 0
        return isinstance(layer, Pointwise | Island) or transforms > 0

    @property
    def arguments_read(self) -> list[fx.Node]:
        """The nodes among its arguments."""
        found: list[fx.Node] = []
        fx.map_arg((self.arguments, self.keywords), lambda node: found.append(node) or node)  # type: ignore[func-returns-value]
        return found


@dataclass
class FeatureCalls:
    """The calls that are given feature maps, in order, and the nodes that are feature maps, including the image."""

    calls: dict[fx.Node, FeatureCall]
    features: set[fx.Node]


def find_feature_calls(
    graph: fx.Graph, source: nn.Module, settings: Settings, shapes: Shapes, strict: bool
) -> FeatureCalls:
    """Find the calls on feature maps and apply rules; calls without a rule stay on pixels, or raise if `strict`."""
    found = FeatureCalls({}, set())
    layers: dict[str, nn.Module] = {}
    seen: set[fx.Node] = set()
    given: set[str] = set()
    image = next((node for node in graph.nodes if node.op == "placeholder"), graph.output_node())
    for node in graph.nodes:
        if node is image and node.op == "placeholder":
            found.features.add(node)
        elif node.op not in {"placeholder", "output"} and any(x in found.features for x in node.all_input_nodes):
            redirect_readers(node, source, seen, node.name)
            module = source.get_submodule(str(node.target)) if node.op == "call_module" else None
            # Calls of functions get a name beside the children of the module whose code calls them.
            name = function_name(node.target).rpartition(".")[2].strip("_")
            path = str(node.target) if module is not None else _free_path(source, owner_path(node), name, given)
            given.add(path)
            try:
                call = _apply_rule(node, module, source, settings.of(path), layers)
            except UnsupportedLayerError:
                # Without its shape, it is unknown whether its result is a feature map.
                if strict or node not in shapes:
                    raise
                call = FeatureCall(path, module, None, node.args, dict(node.kwargs), len(shapes[node]) != 4)
            if call is not None:
                if call.layer is not None:
                    settings.taken(path, call.layer)
                    layers[path] = call.layer
                found.calls[node] = call
                if not call.returns_pixels:
                    found.features.add(node)
        elif memory_written(node, source) in found.features:
            # A result that is not a feature map is no longer a view of one.
            redirect_readers(node, source, seen, node.name)
        seen.add(node)
    return found


def _apply_rule(
    node: fx.Node, module: nn.Module | None, source: nn.Module, options: LayerOptions, layers: dict[str, nn.Module]
) -> FeatureCall | None:
    arguments, keywords = node.args, dict(node.kwargs)
    if module is not None and not arguments and "input" in keywords:
        # Torch's name for an argument that layers here may call differently.
        arguments = (keywords.pop("input"),)
    if module is not None and options.path in layers:
        replacement: Replacement = layers[options.path]
    else:
        replacement = _replacement(node, module, options)
    if replacement == AS_IT_IS:
        return None
    if isinstance(replacement, tuple):
        replacement, arguments = replacement
        keywords = {}
    if not isinstance(replacement, nn.Module):
        raise TypeError(f"{options.path}: the rule for {node.target} returned {replacement!r}, not a module")
    if module is not None and _has_tensors_of_its_own(replacement, source):
        source.set_submodule(options.path, replacement)
        module = replacement
    returns_pixels = getattr(replacement, "returns", "transform") != "transform"
    return FeatureCall(options.path, module, replacement, arguments, keywords, returns_pixels)


def _has_tensors_of_its_own(replacement: nn.Module, source: nn.Module) -> bool:
    known = {id(tensor) for tensor in (*source.parameters(), *source.buffers())}
    return any(id(tensor) not in known for tensor in (*replacement.parameters(), *replacement.buffers()))


def _replacement(node: fx.Node, module: nn.Module | None, options: LayerOptions) -> Replacement:
    if module is not None and is_parametrized(module):
        raise UnsupportedLayerError(
            f"{options.path}: {type(module).__qualname__} is parametrized: its weights are computed from others; call "
            "torch.nn.utils.parametrize.remove_parametrizations on it first"
        )
    rule = find_rule(node.target) if module is None else find_module_rule(module)
    if rule is not None:
        return rule(node if module is None else module, options)
    if module is not None:
        what = f"{type(module).__module__}.{type(module).__qualname__}"
        key, returned = type(module).__qualname__, "jpegdomain.nn.Pointwise(layer)"
    else:
        name = function_name(node.target)
        method = node.op == "call_method"
        what = f"the tensor method {name!r}" if method else f"the function {name}"
        key = repr(name) if method else name
        returned = "jpegdomain.nn.PixelFunction(function), node.args"
    raise UnsupportedLayerError(
        f"{options.path}: no rule converts {what}. Register one: put `@jpegdomain.register_rule({key})` above a "
        f"function of ({'node' if module is None else 'layer'}, options) that returns the module to run on "
        f"activations; for a function of single pixels: return {returned}"
    )


def _free_path(source: nn.Module, owner: str, base: str, taken: set[str]) -> str:
    """An unused path below the module `owner`: `base`, with a number if needed."""
    prefix = f"{owner}." if owner else ""
    number, name = 0, base
    while f"{prefix}{name}" in taken or hasattr(source.get_submodule(owner), name):
        number += 1
        name = f"{base}_{number}"
    return f"{prefix}{name}"


def function_name(target: Any) -> str:
    """Return the name of what a node calls: a function's with its module, a method's without."""
    if isinstance(target, str):
        return target
    # boolean_dispatch of torch.nn.functional hides the names of its functions.
    for name in ("max_pool2d", "adaptive_max_pool2d", "fractional_max_pool2d"):
        if target is getattr(nn.functional, name):
            return f"torch.nn.functional.{name}"
    return f"{getattr(target, '__module__', None) or 'torch'}.{getattr(target, '__name__', target)}"
