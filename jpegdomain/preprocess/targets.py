"""`follow`: transform boxes, keypoints and masks like their image."""

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
"""An object that knows the steps of one image, or of a batch."""


@dataclass(frozen=True)
class OnTargets(Transform):
    """A step for targets only, which leaves the image unchanged.

    ``OnTargets(v2.ClampBoundingBoxes())`` and ``OnTargets(v2.SanitizeBoundingBoxes())`` clamp and remove boxes, with
    their labels and masks, at their position in a `Compose`.

    Args:
        transform: Takes (image, target) and returns both, like torchvision's v2 transforms, without random numbers. The
            image is a placeholder without pixels.
    """

    transform: Callable[..., Any]

    moves = False

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:  # noqa: ARG002
        """See `Transform.place`."""
        return so_far.then(history=(Operation("targets", {"transform": self.transform}),))


def follow(where: Where, target: Any) -> Any:
    """Transform a target like its image, as ``torchvision.transforms.v2`` does with the same draws.

    Each step uses torchvision's own function for bounding boxes of every format, keypoints and masks of
    ``torchvision.tv_tensors``: boxes are clamped, masks resized by nearest neighbour, and integers rounded as in
    torchvision. Applying an EXIF orientation, and `Transpose`, exchange x and y. Targets refer to the file as it is
    stored, before its orientation is applied.

    If an image is smaller than its CenterCrop by an odd number of pixels, torchvision moves boxes one pixel further
    than the image; here they stay with it.

    Args:
        where: An image's map, or a `JpegBatch`.
        target: A ``tv_tensor``, or nested dicts, lists and tuples that contain some; everything else in them is left
            unchanged. For a batch, a sequence with one target for each image.

    Returns:
        The same structure; a list for a batch. The argument is not modified.

    Raises:
        InputError: If a target has another size than its image, or is itself an image; if a step cannot transform
            targets; or if not every image of a batch has a target.
    """
    if isinstance(where, ImageGeometry):
        where = where.map
    if isinstance(where, SeparableMap):
        return _followed(where, target) if has_targets(target) else target
    maps = where.maps
    if len(maps) != len(target):
        raise InputError(f"each image needs one target: got {len(maps)} images and {len(target)} targets")
    return [follow(one, own) for one, own in zip(maps, target, strict=True)]


def has_targets(structure: Any, names: Sequence[str] = ("TVTensor",)) -> bool:
    """Whether a structure contains tensors of these classes of ``torchvision.tv_tensors``."""
    # If torchvision is not imported, there are none; importing it would take longer than importing this package.
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
        raise InputError(f"a tv_tensors.{name} cannot be a target: not every step could be applied to its pixels")
    size = tuple(target.shape[-2:] if size is None else size)
    if size != tuple(extent):
        turned = " (as stored: an EXIF orientation is applied to it, too)" if size == tuple(extent)[::-1] else ""
        raise InputError(f"a target, {name} of {size[0]}×{size[1]}, does not have its image's size, {extent}{turned}")


def _stepped(leaf: Any, step: Operation) -> Any:
    """One leaf after one step."""
    if not _is_target(leaf):
        return leaf
    if step.name == "unknown":
        raise InputError(
            "targets cannot be transformed: a step of this preprocess calls SeparableMap.then without history; build "
            "it from resize, crop, pad, flip and transpose"
        )
    if step.name == "transpose":
        return _transposed(leaf)
    from torchvision.transforms.v2 import functional

    try:
        return getattr(functional, step.name)(leaf, **step.arguments)
    except (ValueError, TypeError) as error:
        raise InputError(f"a target, {type(leaf).__name__}, cannot be transformed by {step.name}: {error}") from error


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
    # Corners are numbered clockwise, so the second and the fourth are exchanged; an angle r becomes −r.
    orders = {4: [1, 0, 3, 2], 5: [1, 0, 3, 2, 4], 8: [1, 0, 7, 6, 5, 4, 3, 2]}
    swapped = plain[..., orders[plain.shape[-1]]]
    if plain.shape[-1] == 5:
        swapped[..., 4].neg_()
    return tv_tensors.wrap(swapped, like=target, canvas_size=size)
