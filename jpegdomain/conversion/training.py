"""Use the graph of a model in eval mode for training, too, if both make the same calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from jpegdomain.errors import UntraceableModelError

from .tracing import ContextError, owner_path, same_calls, trace

__all__ = ["follow_mode"]


@contextmanager
def _all_otherwise() -> Iterator[None]:
    """Disable gradients and enable autocast, so that code that sets these for itself is noticed."""
    kinds = ("cpu", "cuda")
    before = [torch.is_autocast_enabled(kind) for kind in kinds]
    with torch.set_grad_enabled(not torch.is_grad_enabled()):
        for kind, enabled in zip(kinds, before, strict=True):
            torch.set_autocast_enabled(kind, not enabled)
        try:
            yield
        finally:
            for kind, enabled in zip(kinds, before, strict=True):
                torch.set_autocast_enabled(kind, enabled)


def follow_mode(graph: fx.Graph, model: nn.Module) -> bool:
    """Adapt the graph of a model in eval mode to training, too; return False if training makes other calls."""
    try:
        with _all_otherwise():
            in_training = trace(model, training=True).graph
    except UntraceableModelError as error:
        if isinstance(error.__cause__, ContextError):
            raise
        return False
    if not same_calls(graph, in_training):
        return False

    def dropouts(calls: fx.Graph) -> list[fx.Node]:
        return [node for node in calls.nodes if node.target is F.dropout]

    for node, twin in zip(dropouts(graph), dropouts(in_training), strict=True):
        if _flag(node) is False and _flag(twin) is True:
            owner = owner_path(node)
            with graph.inserting_before(node):
                mode = graph.create_node("get_attr", f"{owner}.training" if owner else "training")
            mode.meta["owner"] = owner
            node.args, node.kwargs = node.args[:2], {**node.kwargs, "training": mode}
    return True


def _flag(dropout: fx.Node) -> Any:
    return dropout.args[2] if len(dropout.args) > 2 else dropout.kwargs.get("training", True)
