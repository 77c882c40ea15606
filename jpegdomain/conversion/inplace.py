"""In-place writes: activations are never overwritten, so later readers of a tensor must read the writer's result."""

import operator

import torch
import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError

__all__ = ["memory_written", "redirect_readers"]

_WRITING_OPERATORS = {operator.iadd, operator.isub, operator.imul, operator.itruediv}
_VIEWS = {
    *(operator.getitem, getattr, torch.flatten, torch.reshape, torch.permute, torch.transpose, torch.swapaxes),
    *(torch.swapdims, torch.movedim, torch.moveaxis, torch.unsqueeze, torch.squeeze, torch.unflatten, torch.narrow),
    *(torch.select, torch.chunk, torch.split, torch.tensor_split, torch.unbind, torch.broadcast_to, torch.detach),
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
}
_VIEW_METHODS = {
    *("view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "contiguous", "detach", "permute"),
    *("transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "unsqueeze", "squeeze", "narrow", "select"),
    *("chunk", "split", "tensor_split", "unbind", "expand", "expand_as", "broadcast_to", "unfold", "as_strided"),
    # If there is nothing to convert, these return the tensor itself.
    *("to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda"),
}
_VIEW_MODULES = (nn.Identity, nn.Flatten, nn.Unflatten)
# In eval mode, in which the model was traced, dropout returns its input itself.
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


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


def _may_return_its_input(module: nn.Module) -> bool:
    """True if it does, or if that is unknown: a foreign class can be a dropout of its own."""
    nearest = next(cls for cls in type(module).__mro__ if cls.__module__.partition(".")[0] == "torch")
    return nearest is nn.Module or isinstance(module, (*_VIEW_MODULES, *_DROPOUTS))


def _memory(node: fx.Node, source: nn.Module) -> fx.Node:
    """The call that created the memory that a value may be in."""
    while True:
        views = (
            (node.op == "call_function" and node.target in _VIEWS)
            or (node.op == "call_method" and node.target in _VIEW_METHODS)
            or (node.op == "call_module" and _may_return_its_input(source.get_submodule(str(node.target))))
        )
        inner = _first(node) if views else None
        if inner is None:
            return node
        node = inner


def memory_written(node: fx.Node, source: nn.Module) -> fx.Node | None:
    """Return the call that created the memory that a call writes to in place; None if it does not write in place."""
    written = _written(node, source)
    return None if written is None else _memory(written, source)


def redirect_readers(node: fx.Node, source: nn.Module, seen: set[fx.Node], path: str) -> None:
    """Make calls that are not yet `seen` read this call's result instead of what it overwrites."""
    written = _written(node, source)
    if written is None:
        return
    memory = _memory(written, source)
    for other in seen:
        shares = other is not written and _memory(other, source) is memory
        if shares and any(user not in seen and user is not node for user in other.users):
            raise UnsupportedLayerError(
                f"{path}: writes in place to a tensor that is read later under another name ({other.name}); use the "
                "out-of-place form (inplace=False, y = y + z)"
            )
    written.replace_all_uses_with(node, delete_user_cb=lambda user: user not in seen and user is not node)
