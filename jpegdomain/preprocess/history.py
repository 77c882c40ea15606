"""The steps of a map under torchvision's names, so that boxes, keypoints and masks can take them, too."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

__all__ = ["UNKNOWN", "History", "Operation"]


class Operation(NamedTuple):
    """One step of a map.

    Attributes:
        name: A function of ``torchvision.transforms.v2.functional``; 'transpose', which torchvision does not have;
            'targets', a transform of targets only; or 'unknown', a step that moves pixels in an unknown way.
        arguments: The function's arguments.
    """

    name: Literal["resize", "crop", "pad", "horizontal_flip", "vertical_flip", "transpose", "targets", "unknown"]
    arguments: Mapping[str, Any] = {}


History: TypeAlias = tuple[Operation, ...]
"""Steps in order, from the file's pixels on."""

UNKNOWN: Final[History] = (Operation("unknown"),)
