"""Where a value's pixel axes lie, as far as the graph alone tells: some rules must know before any image is there."""

import operator
from typing import Any, NamedTuple

import torch
from torch import fx

from jpegdomain import functional

from .arguments import argument, constants

__all__ = ["PLAIN", "Layout", "dimensions", "layout", "listed", "splits"]


class Layout(NamedTuple):
    """A feature map's number of axes, and which of them hold pixels."""

    ndim: int
    axes: tuple[int, int]


PLAIN = Layout(4, (2, 3))
"""(n, c, h, w)."""

_PERMUTATIONS = {torch.permute, "permute"}
_TRANSPOSITIONS = {
    *(torch.transpose, torch.swapaxes, torch.swapdims),
    *("transpose", "swapaxes", "swapdims"),
}
_RESHAPES = {torch.reshape, "reshape", "view"}
_REDUCTIONS = {torch.mean, torch.sum, torch.amax, "mean", "sum", "amax"}


def listed(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Read ``f(1, 2)`` and ``f((1, 2))`` alike.

    Args:
        values: Arguments.

    Returns:
        The numbers.
    """
    one = values[0] if len(values) == 1 else values
    return tuple(one) if isinstance(one, list | tuple) else (one,)


def dimensions(node: fx.Node) -> tuple[int, ...] | None:
    """Read the axes that a reduction takes.

    Args:
        node: The call.

    Returns:
        Their positions counted from the front, all if none are given; None if they are computed at run time.
    """
    dim, ndim = argument(node, 1, "dim", None), layout(node.args[0] if node.args else node.kwargs["input"]).ndim
    if not constants(dim):
        return None
    dims = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return tuple(sorted(one % ndim for one in dims))


def layout(node: Any) -> Layout:
    """Say where a value's pixel axes lie, if it is a feature map.

    Args:
        node: The call that computes it.

    Returns:
        The layout; (n, c, h, w) where nothing tells otherwise.
    """
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


def _permuted(node: fx.Node, before: Layout) -> Layout | None:
    dims = listed(tuple(node.args[1:]) or tuple(node.kwargs.values())[-1:])
    if not constants(dims) or len(dims) != before.ndim:
        return None
    first, second = sorted([dim % before.ndim for dim in dims].index(axis) for axis in before.axes)
    return Layout(before.ndim, (first, second))


def _transposed(node: fx.Node, before: Layout) -> Layout | None:
    one, two = argument(node, 1, "dim0", None), argument(node, 2, "dim1", None)
    if not isinstance(one, int) or not isinstance(two, int):
        return None
    exchanged = {one % before.ndim: two % before.ndim, two % before.ndim: one % before.ndim}
    first, second = sorted(exchanged.get(axis, axis) for axis in before.axes)
    return Layout(before.ndim, (first, second))


def _reshaped(node: fx.Node, before: Layout) -> Layout | None:
    """Pixel axes that lie behind the images, or at the end, are taken to stay there."""
    sizes = listed(tuple(node.args[1:]) or tuple(node.kwargs.values())[-1:])
    if len(sizes) < 4:
        return None
    last = len(sizes) - 2, len(sizes) - 1
    return Layout(len(sizes), before.axes if before.axes == (1, 2) else last)


def _unsqueezed(node: fx.Node, before: Layout) -> Layout | None:
    # ``stack`` inserts an axis likewise.
    dim = argument(node, 1, "dim", 0)
    if not isinstance(dim, int):
        return None
    place = dim % (before.ndim + 1)
    first, second = (axis + (axis >= place) for axis in before.axes)
    return Layout(before.ndim + 1, (first, second))


def _reduced(node: fx.Node, before: Layout) -> Layout | None:
    dims = dimensions(node)
    return None if dims is None or argument(node, 2, "keepdim", False) else _without(before, list(dims))


def _dropped(node: fx.Node, before: Layout) -> Layout | None:
    dim = argument(node, 1, "dim", 0 if splits(node) else None)
    return None if not isinstance(dim, int) else _without(before, [dim % before.ndim])


def _merged(node: fx.Node, before: Layout) -> Layout | None:
    start, end = argument(node, 1, "start_dim", 0) % before.ndim, argument(node, 2, "end_dim", -1) % before.ndim
    return _without(before, list(range(start + 1, end + 1)))


def _indexed(node: fx.Node, before: Layout) -> Layout | None:
    index: Any = node.args[1]
    if not constants(index) or splits(node.args[0]):
        return None
    parts = index if isinstance(index, tuple) else (index,)
    axes = functional.kept_axes(index, *before)
    ndim = before.ndim + sum(part is None for part in parts) - sum(isinstance(part, int) for part in parts)
    return None if axes is None else Layout(ndim, axes)


def _without(before: Layout, dropped: list[int]) -> Layout | None:
    if set(dropped) & set(before.axes):
        return None
    first, second = (axis - sum(one < axis for one in dropped) for axis in before.axes)
    return Layout(before.ndim - len(dropped), (first, second))


_DIVISIONS = {torch.chunk, torch.split, torch.unbind, "chunk", "split", "unbind"}


def splits(node: Any) -> bool:
    """Say whether a call returns several feature maps.

    Args:
        node: The call.

    Returns:
        Whether it does.
    """
    return isinstance(node, fx.Node) and node.target in _DIVISIONS


_READERS: dict[Any, Any] = {
    **dict.fromkeys(_PERMUTATIONS, _permuted),
    **dict.fromkeys(_TRANSPOSITIONS, _transposed),
    **dict.fromkeys(_RESHAPES, _reshaped),
    **dict.fromkeys(_REDUCTIONS, _reduced),
    torch.unsqueeze: _unsqueezed,
    "unsqueeze": _unsqueezed,
    torch.squeeze: _dropped,
    "squeeze": _dropped,
    torch.unbind: _dropped,
    "unbind": _dropped,
    torch.stack: _unsqueezed,
    torch.flatten: _merged,
    "flatten": _merged,
    operator.getitem: _indexed,
}
