"""Which domain each call runs in: the strategy's rules as costs for `jpegdomain.domains`."""

from torch import fx, nn

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.domains import Domain, Operation, choose_domains
from jpegdomain.nn.costs import cost, elements, pixel_cost
from jpegdomain.planning import transform_cost

from .calls import FeatureCall, FeatureCalls
from .layout import layout
from .shapes import Shapes

__all__ = ["adds", "assign_domains", "results_of_steps"]

_UNKNOWN = (1, 64, 56, 56)
"""The shape to use if a feature map's is unknown: transforms are then counted, whatever their size."""


def assign_domains(found: FeatureCalls, shapes: Shapes, stored: set[fx.Node], itemsize: int) -> dict[fx.Node, Domain]:
    """Choose the domains of the image and of every call on feature maps that have the least total work."""
    operations: list[Operation] = []
    nodes = [*(node for node in found.features if node.op == "placeholder"), *found.calls]
    for node in nodes:
        call = found.calls.get(node)
        conversion = transform_cost(elements(_shape(shapes, node)), itemsize).work
        reads = [] if call is None else [given for given in call.arguments_read if given in found.features]
        if call is None:
            # Files hold coefficients; planes at a lower resolution pass through pixels on their way.
            transform, pixels = conversion * 2 / 3, conversion / 3
        else:
            transform, pixels = _work(call, _shape(shapes, reads[0]), itemsize)
        leaves = call is not None and call.returns_pixels
        names = tuple(given.name for given in reads)
        operations.append(
            Operation(node.name, names, transform, pixels, 0 if leaves else conversion, stored=node in stored)
        )
    chosen = choose_domains(operations)
    return {node: chosen[node.name] for node in nodes}


def _shape(shapes: Shapes, node: fx.Node) -> tuple[int, ...]:
    """(n, c, h, w), whatever the order of the axes."""
    shape, (ndim, axes) = shapes.get(node, ()), layout(node)
    return functional.four_axes(shape, axes) if len(shape) == ndim else _UNKNOWN


def _work(call: FeatureCall, shape: tuple[int, ...], itemsize: int) -> tuple[float, float]:
    """What a call costs on coefficients and on pixels."""
    layer = call.layer
    transform = pixels = 0
    if isinstance(layer, layers.Layer):
        transform, pixels = cost(layer, shape, itemsize)[1].work, pixel_cost(layer, shape, itemsize)[1].work
    # A foreign class may compute something different from its base class.
    ours = isinstance(layer, layers.Layer) and type(layer).__module__.startswith("jpegdomain.")
    trusted = layer is None or layer is call.module or ours
    return (
        transform if call.can_run("transform") else float("inf"),
        pixels if trusted and call.can_run("pixels") else float("inf"),
    )


def results_of_steps(found: FeatureCalls) -> set[fx.Node]:
    """Return the results of steps, nodes of the source's graph."""
    # A step is a convolution with the batch norm, the addition and the activation function that follow it, as far as
    # nothing else reads their results. The entry is not a step: it returns what the first layers need.
    return {node for node, call in found.calls.items() if not call.returns_pixels and not _inside(node, found)}


def _inside(node: fx.Node, found: FeatureCalls) -> bool:
    """True if a value is inside a step."""
    if len(node.users) != 1:
        return False
    reader = found.calls.get(next(iter(node.users)))
    return reader is not None and _go_together(found.calls[node].layer, reader.layer)


def _go_together(first: nn.Module | None, then: nn.Module | None) -> bool:
    """True if a layer and the only reader of its result belong to one step."""
    normalises = isinstance(then, layers.BatchNorm2d)
    acts = isinstance(then, layers.Piecewise | layers.Pointwise)
    if isinstance(first, layers.Conv2d):
        return normalises or acts or adds(then)
    if isinstance(first, layers.BatchNorm2d):
        return acts or adds(then)
    return adds(first) and acts


def adds(layer: nn.Module | None) -> bool:
    """Return whether a layer is an addition."""
    return isinstance(layer, layers.Call) and layer.function is functional.add
