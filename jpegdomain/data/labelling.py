"""Transform what accompanies images in a data loader's items, boxes, keypoints and masks, like the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jpegdomain.preprocess import SeparableMap, follow
from jpegdomain.preprocess.targets import has_targets

from .batch import JpegBatch

__all__ = ["Alone", "following"]


@dataclass(frozen=True, slots=True)
class Alone:
    """A value that belongs to one image and is not stacked with those of others.

    Attributes:
        value: Any value.
    """

    value: Any


def following(rests: Sequence[Any], batch: JpegBatch) -> list[Any]:
    """Transform what accompanies each image like the image itself (`jpegdomain.preprocess.follow`).

    Args:
        rests: One for each image: a tuple, a dict or None.
        batch: A batch that still has its records.

    Returns:
        The transformed rests. If there are boxes or keypoints, whose number differs between images, everything except
        numbers and strings is `Alone`.

    Raises:
        InputError: If a target cannot follow its image.
    """
    if not any(map(has_targets, rests)):
        return list(rests)
    moved = [_followed(one, rest) for one, rest in zip(batch.maps, rests, strict=True)]
    if not any(has_targets(rest, ("BoundingBoxes", "KeyPoints")) for rest in rests):
        return moved
    return [_alone(rest) for rest in moved]


def _followed(image_map: SeparableMap, rest: Any) -> Any:
    return tuple(follow(image_map, entry) for entry in rest) if isinstance(rest, tuple) else follow(image_map, rest)


def _alone(rest: Any) -> Any:
    if isinstance(rest, tuple):
        return tuple(map(_kept, rest))
    return {key: _kept(value) for key, value in rest.items()}


def _kept(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bytes) else Alone(value)
