"""Boxes, keypoints and masks take the steps that an image takes: `follow`."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeGuard

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .history import Operation
from .image_geometry import ImageGeometry
from .separable_map import SeparableMap
from .transform import Transform

__all__ = ["OnTargets", "follow", "has_targets"]


class _HasMaps(Protocol):
    @property
    def maps(self) -> Sequence[SeparableMap]: ...


Where: TypeAlias = SeparableMap | ImageGeometry | _HasMaps
"""What knows the steps of one image, or of a batch."""


@dataclass(frozen=True)
class OnTargets(Transform):
    """A step for targets alone, which leaves the image as it is.

    ``OnTargets(v2.ClampBoundingBoxes())`` and ``OnTargets(v2.SanitizeBoundingBoxes())`` clamp and remove boxes, with
    their labels and masks, where they stand in a `Compose`.

    Args:
        transform: Takes (image, target) and returns both, as transforms of torchvision's v2 do, without random numbers.
            The image is a stand-in without pixels.
    """

    transform: Callable[..., Any]

    moves = False

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return so_far.then(history=(Operation("targets", {"transform": self.transform}),))


def follow(where: Where, target: Any) -> Any:
    """Apply to a target the steps that its image takes, as ``torchvision.transforms.v2`` does with the same draws.

    Bounding boxes of every format, keypoints and masks of ``torchvision.tv_tensors`` take each step by torchvision's
    own function of that name: boxes are clamped, masks resized to the nearest pixel and integers rounded where it does
    that. An EXIF orientation that is applied, and `Transpose`, exchange x and y. Targets are of the file as it is
    stored, before its orientation.

    Where an image is smaller than its CenterCrop by an odd number of pixels, torchvision moves boxes by one pixel more
    than the image; here they stay with it.

    Args:
        where: An image's map, or a `JpegBatch`.
        target: A ``tv_tensor``, or dicts, lists and tuples of any depth with some in them; all else in them is left as
            it is. For a batch, a sequence of one target for each image.

    Returns:
        The same structure, a list for a batch. What is given is not changed.

    Raises:
        InputError: If a target is of another size than its image, or an image itself; a step says nothing about targets
            or torchvision has none for them; or not every image of a batch has a target.
    """
    if isinstance(where, ImageGeometry):
        where = where.map
    if isinstance(where, SeparableMap):
        return _followed(where, target) if has_targets(target) else target
    maps = where.maps
    if len(maps) != len(target):
        raise InputError(f"each image has one target: got {len(maps)} images and {len(target)} targets")
    return [follow(one, own) for one, own in zip(maps, target, strict=True)]


def has_targets(structure: Any, names: Sequence[str] = ("TVTensor",)) -> bool:
    """Whether a structure holds tensors of these classes of ``torchvision.tv_tensors``."""
    # Before torchvision is imported there are none, and it takes longer to import than this package.
    module = sys.modules.get("torchvision.tv_tensors")
    kinds = tuple(getattr(module, name) for name in names if hasattr(module, name))
    return bool(kinds) and any(isinstance(leaf, kinds) for leaf in pytree.tree_leaves(structure))


def _followed(image_map: SeparableMap, target: Any) -> Any:
    transposed = sum(step.name == "transpose" for step in image_map.history) % 2
    extent = Extent(*image_map.source[::-1]) if transposed else image_map.source
    for leaf in pytree.tree_leaves(target):
        if _is_target(leaf):
            _check(leaf, extent)
    for step in image_map.history:
        if step.name == "targets":
            target = _on_targets(step.arguments["transform"], target)
        else:
            target = pytree.tree_map(lambda leaf, step=step: _stepped(leaf, step), target)
    return target


def _is_target(leaf: object) -> TypeGuard[Tensor]:
    from torchvision import tv_tensors

    return isinstance(leaf, tv_tensors.TVTensor)


def _check(target: Tensor, extent: Extent) -> None:
    name, size = type(target).__name__, getattr(target, "canvas_size", None)
    if name in {"Image", "Video"}:
        raise InputError(f"a tv_tensors.{name} is no target of an image: its pixels would not take every step")
    size = tuple(target.shape[-2:] if size is None else size)
    if size != tuple(extent):
        turned = " (as stored: an EXIF orientation is applied to it, too)" if size == tuple(extent)[::-1] else ""
        raise InputError(f"a target, {name} of {size[0]}×{size[1]}, is not of its image's size, {extent}{turned}")


def _stepped(leaf: Any, step: Operation) -> Any:
    """One leaf after one step."""
    if not _is_target(leaf):
        return leaf
    if step.name == "unknown":
        raise InputError(
            "targets cannot follow: a step of this preprocess changes axes by SeparableMap.then without its history; "
            "make it of resize, crop, pad, flip and transpose"
        )
    if step.name == "transpose":
        return _transposed(leaf)
    from torchvision.transforms.v2 import functional

    try:
        return getattr(functional, step.name)(leaf, **step.arguments)
    except (ValueError, TypeError) as error:
        raise InputError(f"a target, {type(leaf).__name__}, cannot follow {step.name}: {error}") from error


def _on_targets(transform: Callable[..., Any], target: Any) -> Any:
    from torchvision import tv_tensors

    _, changed = transform(tv_tensors.Image(torch.empty(3, 0, 0)), target)
    return changed


def _transposed(target: Tensor) -> Tensor:
    """Exchange x and y."""
    from torchvision import tv_tensors

    plain = target.as_subclass(Tensor)
    if isinstance(target, tv_tensors.Mask):
        return tv_tensors.wrap(plain.mT, like=target)
    height, width = target.canvas_size  # type: ignore[attr-defined]
    size = (width, height)
    if not isinstance(target, tv_tensors.BoundingBoxes):
        return tv_tensors.wrap(plain.flip(-1), like=target, canvas_size=size)
    # Corners are numbered clockwise, so the second and the fourth change places; for an angle that is r → −r.
    orders = {4: [1, 0, 3, 2], 5: [1, 0, 3, 2, 4], 8: [1, 0, 7, 6, 5, 4, 3, 2]}
    swapped = plain[..., orders[plain.shape[-1]]]
    if plain.shape[-1] == 5:
        swapped[..., 4].neg_()
    return tv_tensors.wrap(swapped, like=target, canvas_size=size)
