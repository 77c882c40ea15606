"""Faster R-CNN and Mask R-CNN with a ResNet-FPN backbone: channels enter the backbone, boxes stay in the RGB frame."""

import copy
from typing import Any

from jpegdomain.errors import InputError
from jpegdomain.frequency.frontend import Frontend

from . import resnet
from .frame import FrameAnchors, FrequencyTransform

__all__ = ["operate"]


def operate(model: Any, frontend: Frontend, layer2_stride: int) -> None:
    """Exchange the stem, the transform and the frame of the anchors, in place.

    Args:
        model: torchvision's `FasterRCNN` or what derives from it.
        frontend: Makes the channels; copied.
        layer2_stride: As for `adapt`.

    Raises:
        InputError: If the backbone is no ResNet with an FPN, or has been adapted before.
    """
    body = getattr(model.backbone, "body", None)
    if not all(hasattr(body, name) for name in ("conv1", "layer1", "layer2")):
        raise InputError(
            f"surgery is for detection models with a ResNet-FPN backbone, such as maskrcnn_resnet50_fpn; this backbone "
            f"is {type(model.backbone).__qualname__} without a ResNet's layers"
        )
    resnet.operate(body, len(frontend.selection), layer2_stride)
    weight = next(model.backbone.parameters())
    own = copy.deepcopy(frontend).to(weight)
    model.transform = FrequencyTransform(model.transform, own)
    model.rpn.anchor_generator = FrameAnchors(model.rpn.anchor_generator)
