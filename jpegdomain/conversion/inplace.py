"""Writes in place: activations are never written to, so later readers of a tensor must read the writer's result."""

import operator

import torch
import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError

__all__ = ["redirect_readers"]

_WRITING_OPERATORS = {operator.iadd, operator.isub, operator.imul, operator.itruediv}
_VIEWS = {operator.getitem, torch.flatten, torch.reshape, F.dropout}
_VIEW_METHODS = {"view", "reshape", "flatten", "contiguous", "detach"}
# In eval, as which the model was traced, dropout returns its input itself.
_VIEW_MODULES = (nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout2d)


def _first(node: fx.Node) -> fx.Node | None:
    first = node.args[0] if node.args else node.kwargs.get("input")
    return first if isinstance(first, fx.Node) else None


def _written(node: fx.Node, source: nn.Module) -> fx.Node | None:
    """The value that a call writes to, if it writes to any."""
    if node.op == "call_module":
        writes = bool(getattr(source.get_submodule(str(node.target)), "inplace", False))
    elif node.op in {"call_function", "call_method"}:
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        underscored = name.endswith("_") and not name.endswith("__")
        writes = underscored or node.target in _WRITING_OPERATORS or bool(node.kwargs.get("inplace", False))
        if isinstance(out := node.kwargs.get("out"), fx.Node):
            return out
    else:
        writes = False
    return _first(node) if writes else None


def _memory(node: fx.Node, source: nn.Module) -> fx.Node:
    """The call that made the memory which a value may lie in."""
    while True:
        views = (
            (node.op == "call_function" and node.target in _VIEWS)
            or (node.op == "call_method" and node.target in _VIEW_METHODS)
            or (node.op == "call_module" and isinstance(source.get_submodule(str(node.target)), _VIEW_MODULES))
        )
        inner = _first(node) if views else None
        if inner is None:
            return node
        node = inner


def redirect_readers(node: fx.Node, source: nn.Module, seen: set[fx.Node], path: str) -> None:
    """Make later readers of what a call overwrites read the call's result instead.

    Args:
        node: The call.
        source: The model, for the settings of its modules.
        seen: The calls before it.
        path: Of the call, for messages.

    Raises:
        UnsupportedLayerError: If what it overwrites is also read later under another name, as a view or an alias.
    """
    written = _written(node, source)
    if written is None:
        return
    memory = _memory(written, source)
    for other in seen:
        shares = other is not written and _memory(other, source) is memory
        if shares and any(user not in seen and user is not node for user in other.users):
            raise UnsupportedLayerError(
                f"{path}: it writes in place to a tensor that is read later under another name ({other.name}); use the "
                "out-of-place form (inplace=False, y = y + z)"
            )
    written.replace_all_uses_with(node, delete_user_cb=lambda user: user not in seen and user is not node)
