"""The printed plan: one run, on the meta device if possible, shows what each call costs and where it runs."""

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, fx, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.functional.islands import mapped
from jpegdomain.geometry import Extent
from jpegdomain.nn import Call, Layer, PixelFunction
from jpegdomain.nn.base import Holder
from jpegdomain.nn.costs import cost, elements, pixel_cost
from jpegdomain.planning import Cost, Plan, PlanRow, transform_cost
from jpegdomain.table import record

from .copying import copy_with_tensors

__all__ = ["ENTRY", "ISLAND", "PATH", "Recorder", "plan_of"]

ENTRY = "jpeg_entry"
"""Name of the entry among a converted model's modules."""

PATH = "path"
"""Key of a node's ``meta``: the path of the call, for calls on feature maps."""

ISLAND = "island"
"""Key of a node's ``meta``: whether the plan needs coefficients, but the call has no closed form on them."""

_TRANSFORMS = {
    functional.encode: "J",
    functional.each_from_pixels: "J",
    functional.decode: "J̃",
    functional.each_to_pixels: "J̃",
}


class Recorder(fx.Interpreter):
    """Runs a converted model's graph on a device and makes a row for every layer, call and transform."""

    def __init__(self, module: nn.Module, graph: fx.Graph, folded: frozenset[str], device: torch.device) -> None:
        super().__init__(module, graph=graph)
        self._folded, self._device = folded, device
        self._rows: list[PlanRow] = []

    def rows(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[PlanRow]:
        """Run the graph on a call's arguments and return the rows."""
        names = [node for node in self.graph.nodes if node.op == "placeholder"][len(args) :]
        self.run(*args, *(kwargs.get(str(node.target), *node.args) for node in names))
        return self._rows

    def fetch_attr(self, target: str) -> Any:
        """Find a module or a tensor; constants in the code are moved to the device of all others."""
        found = super().fetch_attr(target)
        return found.to(self._device) if isinstance(found, Tensor) else found

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, and record it if it is a layer, a call or a transform."""
        result = super().run_node(n)
        layer = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        if n.target != ENTRY and (layer is not None or PATH in n.meta):
            given = [self.env[argument] for argument in n.all_input_nodes if argument in self.env]
            features = [
                each for value in given for each in _each(value) if isinstance(each, Activation) or _is_map(each)
            ]
            self._rows.append(self._row(n, layer, features, result))
        return result

    def _row(self, node: fx.Node, layer: nn.Module | None, features: list[Any], result: Any) -> PlanRow:
        path = str(node.meta.get(PATH, node.target))
        if node.target in _TRANSFORMS:
            kind, form = _TRANSFORMS[node.target], "transform"
            price = sum((transform_cost(elements(_sizes(x)), x.dtype.itemsize) for x in features), Cost())
        else:
            kind = _name(node) if layer is None else _kind(layer)
            form, price = _price(layer, features) if PATH in node.meta and features else ("as it is", Cost())
            if node.meta.get(ISLAND):
                form = "island"
            if path in self._folded:
                form, price = "in the kernel", Cost()
        domain = "transform" if any(isinstance(each, Activation) for each in _each(result)) else "pixels"
        output = tuple(result.shape[1:]) if isinstance(result, Activation | Tensor) else ()
        return PlanRow(path, kind, domain, output, form, price)


def plan_of(model: Any, extent: Extent, batch: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan:
    """Return how a converted model would run a batch in eval mode."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(()))
    sizes = batch, model.jpeg_entry.channels or 3, *extent.canvas

    def rows(device: torch.device, hooks: bool) -> tuple[PlanRow, ...]:
        image = Activation(torch.zeros(sizes, dtype=like.dtype, device=device), extent)
        return _rows(model, device, hooks, (image, *args), kwargs)

    # On the meta device only shapes are computed; but code that looks at values needs real ones, and some code hooks
    # its own modules.
    ways = [(torch.device("meta"), False), (like.device, False), (like.device, True)]
    about = model._jpeg_source.reason, model._jpeg_source.unsized
    for way in ways[model._jpeg_plan is None : -1]:
        with suppress(Exception):
            return Plan(batch, extent, rows(*way), *about)
    return Plan(batch, extent, rows(*ways[-1]), *about)


def _rows(model: Any, device: torch.device, hooks: bool, args: Any, kwargs: Any) -> tuple[PlanRow, ...]:
    def moved(x: Any) -> Any:
        return x.to(device=device, copy=True)

    plan, copied = model._jpeg_plan, copy_with_tensors(model, moved, hooks).eval()
    args, kwargs = mapped(mapped((args, kwargs), Tensor, moved), Activation, moved)
    with torch.no_grad():
        if plan is not None:
            return tuple(Recorder(copied, plan.graph, plan.folded, device).rows(args, kwargs))
        if model._jpeg_source.strategy.own_code_on_pixels:
            return (PlanRow("", type(model).__name__, "pixels", (), "its own code", Cost()),)
        # The cost of these is unknown.
        with record(copied) as met:
            copied._by_source(args, kwargs, on_pixels=False)
    return tuple(PlanRow(x.path, x.operation, "transform", (x.shape or ())[1:], x.form, Cost()) for x in met)


def _price(layer: nn.Module | None, features: list[Any]) -> tuple[str, Cost]:
    given = next((value for value in features if isinstance(value, Activation)), features[0])
    shape, itemsize = _sizes(given), given.dtype.itemsize
    if isinstance(given, Activation):
        return cost(layer, shape, itemsize) if isinstance(layer, Layer) else ("as it is", Cost())
    if isinstance(layer, Layer):
        return pixel_cost(layer, shape, itemsize)
    return "spatial", Cost(moved=2 * given.numel() * itemsize, calls=1)


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() >= 4


def _sizes(value: Any) -> tuple[int, ...]:
    """(n, c, h, w), whatever the order of the axes; for a tensor, the last two count as pixel axes."""
    axes = value.axes if isinstance(value, Activation) else (value.dim() - 2, value.dim() - 1)
    return functional.four_axes(value.shape, axes)


def _each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _kind(layer: nn.Module) -> str:
    """The name of what a layer computes."""
    if isinstance(layer, Holder):
        return _kind(layer.function)
    return layer.extra_repr() if isinstance(layer, Call | PixelFunction) else layer._get_name()


def _name(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
