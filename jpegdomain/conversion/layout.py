"""The positions of a value's pixel axes, as far as the graph shows them: some rules need this before any image."""

import operator
from typing import Any, NamedTuple

import torch
from torch import fx

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.geometry import BLOCK, Extent

__all__ = [
    "MOVES",
    "PLAIN",
    "Layout",
    "argument",
    "constants",
    "dimensions",
    "first",
    "layout",
    "new_sizes",
    "splits",
]


class Layout(NamedTuple):
    """A feature map's number of axes, and which of them are pixel axes."""

    ndim: int
    axes: tuple[int, int]


PLAIN = Layout(4, (2, 3))
"""(n, c, h, w)."""

MOVES: dict[Any, Any] = {
    **dict.fromkeys((torch.permute, "permute"), functional.permute),
    **dict.fromkeys((torch.transpose, torch.swapaxes, torch.swapdims), functional.transpose),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), functional.transpose),
    **dict.fromkeys((torch.unsqueeze, "unsqueeze"), functional.unsqueeze),
}
"""For each call that moves axes, whatever their sizes, the function on activations."""

_DIVISIONS = {torch.chunk, torch.split, torch.unbind, "chunk", "split", "unbind"}


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call, by its position or its name: a constant, or the node that computes it."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def first(node: fx.Node) -> tuple[Any, ...]:
    """Return only the feature map that a call works on, for a module whose settings are constants."""
    return (argument(node, 0, "input"),)


def constants(value: Any) -> bool:
    """Return whether an argument, possibly nested lists and tuples, contains no computed values."""
    if isinstance(value, list | tuple):
        return all(map(constants, value))
    return not isinstance(value, fx.Node)


def _listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the numbers in ``f(1, 2)`` and ``f((1, 2))`` alike."""
    one = values[0] if len(values) == 1 else values
    return tuple(one) if isinstance(one, list | tuple) else (one,)


def new_sizes(node: fx.Node) -> tuple[Any, ...]:
    """Return the sizes that a reshape is given."""
    return _listed(tuple(node.args[1:]) or tuple(node.kwargs.values())[-1:])


def dimensions(node: fx.Node) -> tuple[int, ...] | None:
    """Return the axes of a reduction, counted from the front; all axes by default, None if computed at run time."""
    dim, ndim = argument(node, 1, "dim"), layout(argument(node, 0, "input")).ndim
    if not constants(dim):
        return None
    dims = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return tuple(sorted(one % ndim for one in dims))


def splits(node: Any) -> bool:
    """Return whether a call returns several feature maps."""
    return isinstance(node, fx.Node) and node.target in _DIVISIONS


def layout(node: Any) -> Layout:
    """Return the positions of the pixel axes of a node's value, if it is a feature map; by default (n, c, h, w)."""
    if not isinstance(node, fx.Node):
        return PLAIN
    if "layout" not in node.meta:
        for each in node.graph.nodes:
            each.meta["layout"] = _of(each)
    return node.meta["layout"]


def _of(node: fx.Node) -> Layout:
    given = [other.meta["layout"] for other in node.all_input_nodes if "layout" in other.meta]
    before = max(given, default=PLAIN, key=lambda one: one.ndim)
    if node.op not in {"call_function", "call_method"}:
        return before
    read = _READERS.get(node.target)
    after = None if read is None else read(node, before)
    return before if after is None else after


def _moved(node: fx.Node, before: Layout) -> Layout | None:
    """The layout that the function itself gives for a feature map with such axes."""
    settings = {name: value for name, value in node.kwargs.items() if name not in {"input", "tensors"}}
    if not constants((*node.args[1:], *settings.values())):
        return None
    x = Activation(torch.empty((BLOCK,) * before.ndim, device="meta"), Extent(BLOCK, BLOCK), axes=before.axes)
    # ``stack`` also inserts an axis.
    function = MOVES.get(node.target, functional.unsqueeze)
    try:
        after = function(x, *(node.args[1:] or (() if settings else (0,))), **settings)
    except (IndexError, RuntimeError, ValueError):
        return None
    return Layout(after.ndim, after.axes)


def _reshaped(node: fx.Node, before: Layout) -> Layout | None:
    """Pixel axes that come right after the images, or at the end, are assumed to stay there."""
    ndim = len(new_sizes(node))
    if ndim < 4:
        return None
    return Layout(ndim, before.axes if before.axes == (1, 2) else (ndim - 2, ndim - 1))


def _reduced(node: fx.Node, before: Layout) -> Layout | None:
    dims = dimensions(node)
    return None if dims is None or argument(node, 2, "keepdim", False) else _without(before, dims)


def _dropped(node: fx.Node, before: Layout) -> Layout | None:
    dim = argument(node, 1, "dim", 0 if splits(node) else None)
    return None if not isinstance(dim, int) else _without(before, (dim % before.ndim,))


def _merged(node: fx.Node, before: Layout) -> Layout | None:
    start, end = argument(node, 1, "start_dim", 0) % before.ndim, argument(node, 2, "end_dim", -1) % before.ndim
    return _without(before, tuple(range(start + 1, end + 1)))


def _indexed(node: fx.Node, before: Layout) -> Layout | None:
    index: Any = node.args[1]
    if not constants(index) or splits(node.args[0]):
        return None
    parts = index if isinstance(index, tuple) else (index,)
    axes = functional.kept_axes(index, *before)
    ndim = before.ndim + sum(part is None for part in parts) - sum(isinstance(part, int) for part in parts)
    return None if axes is None else Layout(ndim, axes)


def _without(before: Layout, dropped: tuple[int, ...]) -> Layout | None:
    if set(dropped) & set(before.axes):
        return None
    first, second = (axis - sum(one < axis for one in dropped) for axis in before.axes)
    return Layout(before.ndim - len(dropped), (first, second))


_READERS: dict[Any, Any] = {
    **dict.fromkeys((*MOVES, torch.stack), _moved),
    **dict.fromkeys((torch.reshape, "reshape", "view"), _reshaped),
    **dict.fromkeys((torch.mean, torch.sum, torch.amax, "mean", "sum", "amax"), _reduced),
    **dict.fromkeys((torch.squeeze, "squeeze", torch.unbind, "unbind"), _dropped),
    **dict.fromkeys((torch.flatten, "flatten"), _merged),
    operator.getitem: _indexed,
}
