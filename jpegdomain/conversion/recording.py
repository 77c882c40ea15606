"""The rows of a plan: one run, if possible on the meta device, tells what each call costs and where it is."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.nn import Call, Layer, PixelFunction
from jpegdomain.nn.base import Holder
from jpegdomain.nn.costs import cost, elements, pixel_cost
from jpegdomain.planning import Cost, PlanRow, transform_cost
from jpegdomain.table import record

__all__ = ["ENTRY", "ISLAND", "PATH", "Recorder", "rows_of_own_code"]

ENTRY = "jpeg_entry"
"""Name of the entry among a converted model's modules."""

PATH = "path"
"""Key of a node's ``meta``: the path of the call, for calls that meet feature maps."""

ISLAND = "island"
"""Key of a node's ``meta``: whether the plan wants coefficients, and the call has no form of its own on them."""

_TRANSFORMS = {
    functional.encode: "J",
    functional.each_from_pixels: "J",
    functional.decode: "J̃",
    functional.each_to_pixels: "J̃",
}


class Recorder(fx.Interpreter):
    """Runs a converted model's graph on a device and makes a row of every layer, call and transform."""

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
        """Find a module or a tensor, constants of the code on the device of all others."""
        found = super().fetch_attr(target)
        return found.to(self._device) if isinstance(found, Tensor) else found

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, and take it down if it is a layer, a call or a transform."""
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


def rows_of_own_code(model: nn.Module, run: Callable[[], Any]) -> list[PlanRow]:
    """Run a model's own code and return the operations that meet activations; what they cost is not known."""
    with record(model) as met:
        run()
    return [PlanRow(x.path, x.operation, "transform", (x.shape or ())[1:], x.form, Cost()) for x in met]


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
    """(n, c, h, w), however the axes lie; the last two are taken for a tensor's pixels."""
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
