"""Makes torchvision transforms raise an error where they would silently return an object of ours unchanged.

``torchvision.transforms.v2`` flattens its inputs with torch's pytrees, transforms the types that it knows and passes
all others through: a `JpegBatch` would come out of ``MixUp`` with the same images and other labels. An object can
notice this only while it is flattened; this module then looks at which function is flattening it.
"""

import copyreg
import sys
from types import FrameType
from typing import Any, Final

import torch
from torch.utils import _pytree as pytree

from .errors import InputError

__all__ = ["refuse_foreign_transform", "register_leaf"]

_PYTREES: Final = (pytree.__name__, __name__.partition(".")[0])
"""Modules whose functions are on the stack between a transform and this one."""
_TORCHVISION: Final = "torchvision.transforms"
_LEAVE_IMAGES: Final = frozenset({"Identity", "SanitizeBoundingBoxes", "SanitizeKeyPoints"})
"""Transforms that declare to take images, but return them unchanged."""


def register_leaf(kind: type, advice: str) -> None:
    """Make a type a leaf of pytrees, like any unknown type, but one that torchvision cannot pass through silently.

    Args:
        kind: The type.
        advice: What to do instead of using a torchvision transform.
    """
    # A registered type needs children. The only child is the object itself, as another class, so that flattening ends.
    leaf = type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, "__doc__": kind.__doc__})

    def flatten(value: Any) -> tuple[list[Any], None]:
        refuse_foreign_transform(value, advice)
        return [_as(leaf, value)], None

    def flatten_with_keys(value: Any) -> tuple[list[tuple[Any, Any]], None]:
        return [(pytree.SequenceKey(0), child) for child in flatten(value)[0]], None

    def unflatten(children: Any, _context: None) -> Any:
        (value,) = children
        return _as(kind, value) if type(value) is leaf else value

    # Copies and pickles of a leaf are objects of the original type.
    copyreg.pickle(leaf, lambda value: (_itself, (_as(kind, value),)))
    pytree.register_pytree_node(
        kind,
        flatten,
        unflatten,
        serialized_type_name=f"jpegdomain.{kind.__name__}",
        flatten_with_keys_fn=flatten_with_keys,
    )


def _itself(value: Any) -> Any:
    return value


def _as(kind: type, value: Any) -> Any:
    """The same object as an instance of another class, sharing its attributes."""
    other: Any = object.__new__(kind)
    vars(other).update(vars(value))
    return other


def refuse_foreign_transform(value: object, advice: str) -> None:
    """Raise if a torchvision transform is flattening an object of ours that it would not transform.

    Args:
        value: The object.
        advice: What to do instead.

    Raises:
        InputError: If an image transform that does not know the object's type is flattening it; the message names both.
    """
    if torch.compiler.is_compiling():
        return
    transform = _asking(sys._getframe(1))
    if transform is None:
        return
    types = transform._transformed_types
    if not _takes(types, value) and _takes_images(types) and type(transform).__name__ not in _LEAVE_IMAGES:
        name = type(transform).__qualname__
        raise InputError(
            f"torchvision's {name} does not know {type(value).__qualname__}, and would return it unchanged: {advice}"
        )


def _asking(frame: FrameType | None) -> Any:
    """The torchvision transform that is flattening the object, None if something else is."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_PYTREES):
        frame = frame.f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_TORCHVISION):
        asking = frame.f_locals.get("self")
        if hasattr(asking, "_transformed_types"):
            return asking
        frame = frame.f_back
    return None


def _takes(types: Any, value: object) -> bool:
    return any(isinstance(value, one) if isinstance(one, type) else one(value) for one in types)


def _takes_images(types: Any) -> bool:
    """Whether a transform changes images; others, for example of boxes, do not concern our types."""
    pillow = any(getattr(one, "__module__", "").startswith("PIL.") for one in types)
    return pillow or _takes(types, torch.empty(0))
