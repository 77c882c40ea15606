"""In which domain each call runs: the plan's rules put into numbers for `jpegdomain.domains`."""

from typing import Literal, TypeAlias, get_args

from torch import fx, nn

from jpegdomain import functional
from jpegdomain import nn as layers
from jpegdomain.domains import Domain, Operation, choose_domains
from jpegdomain.nn.base import elements
from jpegdomain.planning import transform_cost

from .meeting import Meeting, Meetings
from .rules.layout import layout
from .sizes import Shapes

__all__ = ["PLANS", "PlanName", "domains_of", "stored"]

PlanName: TypeAlias = Literal["transform", "fused"]
"""'transform': what steps hand on is coefficients; 'fused': coefficients only where they cost less."""

PLANS: tuple[PlanName, ...] = get_args(PlanName)

_UNKNOWN = (1, 64, 56, 56)
"""Shape of a feature map of which none is known: then transforms are counted, not weighed."""


def domains_of(meetings: Meetings, shapes: Shapes, plan: PlanName, itemsize: int) -> dict[fx.Node, Domain]:
    """Choose the domain of every call that meets feature maps, the least work in all.

    Args:
        meetings: The calls.
        shapes: Of the source's graph.
        plan: 'transform' or 'fused'.
        itemsize: Bytes of a number.

    Returns:
        Node of the source's graph → domain; the image itself is among the nodes.
    """
    kept = stored(meetings, plan)
    operations: list[Operation] = []
    for node in [*_image(meetings), *meetings.calls]:
        met = meetings.calls.get(node)
        conversion = transform_cost(elements(_shape(shapes, node)), itemsize).work
        if met is None:
            # Files hold coefficients; planes at a lower resolution pass through pixels on their way.
            transform, pixels = conversion * 2 / 3, conversion / 3
        else:
            given = _shape(shapes, next(f for f in met.features if f in meetings.features))
            transform, pixels = _work(met, given, itemsize)
        operations.append(
            Operation(
                node.name,
                tuple(f.name for f in ([] if met is None else met.features) if f in meetings.features),
                transform,
                pixels,
                0 if met is not None and met.leaves else conversion,
                stored=node in kept,
            )
        )
    chosen = choose_domains(operations)
    return {node: chosen[node.name] for node in [*_image(meetings), *meetings.calls]}


def _image(meetings: Meetings) -> list[fx.Node]:
    return [node for node in meetings.features if node.op == "placeholder"]


def _shape(shapes: Shapes, node: fx.Node) -> tuple[int, ...]:
    """(n, c, h, w), however the axes lie."""
    shape, (ndim, axes) = shapes.get(node, ()), layout(node)
    return functional.four_axes(shape, axes) if len(shape) == ndim else _UNKNOWN


def _work(met: Meeting, shape: tuple[int, ...], itemsize: int) -> tuple[float, float]:
    """What a call costs on coefficients and on pixels."""
    layer = met.layer
    own = isinstance(layer, layers.Layer)
    transform = layer.cost(shape, itemsize)[1].work if isinstance(layer, layers.Layer) else 0
    pixels = layer.pixel_cost(shape, itemsize)[1].work if isinstance(layer, layers.Layer) else 0
    # A class from elsewhere may do something else than its source.
    trusted = layer is None or layer is met.module or (own and type(layer).__module__.startswith("jpegdomain."))
    return (
        transform if met.can_run("transform") else float("inf"),
        pixels if trusted and met.can_run("pixels") else float("inf"),
    )


def stored(meetings: Meetings, plan: PlanName) -> set[fx.Node]:
    """Find the values that a plan wants as coefficients, wherever they are computed.

    In the transform plan these are the results of steps; a step is a convolution with the batch norm, the addition and
    the activation function that follow it, as far as nobody else reads what they hand on.

    Args:
        meetings: The calls.
        plan: 'transform' or 'fused'.

    Returns:
        Nodes of the source's graph.
    """
    if plan == "fused":
        return set()
    leaving = {node for node, met in meetings.calls.items() if met.leaves}
    # The entry is no step: it gives what the first layers want.
    return {node for node in meetings.calls if node not in leaving and not _inside(node, meetings)}


def _go_together(first: nn.Module | None, then: nn.Module | None) -> bool:
    """Whether a layer and the only reader of its result are of one step."""
    normalises = isinstance(then, layers.BatchNorm2d)
    acts = isinstance(then, layers.Piecewise | layers.Pointwise)
    if isinstance(first, layers.Conv2d):
        return normalises or acts or _adds(then)
    if isinstance(first, layers.BatchNorm2d):
        return acts or _adds(then)
    return _adds(first) and acts


def _adds(layer: nn.Module | None) -> bool:
    return isinstance(layer, layers.Call) and layer.function is functional.add


def _inside(node: fx.Node, meetings: Meetings) -> bool:
    """Whether a value is inside a step."""
    if len(node.users) != 1 or node not in meetings.calls:
        return False
    reader = meetings.calls.get(next(iter(node.users)))
    return reader is not None and _go_together(meetings.calls[node].layer, reader.layer)
