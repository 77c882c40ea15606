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
        InputError: If the backbone is no ResNet with an FPN, or has been adapted before, or `layer2_stride` is 1, with
            which boxes would be pooled from the wrong feature maps.
    """
    if layer2_stride != 2:
        raise InputError(
            "layer2_stride=1 is for classifiers: detection's RoI pooling chooses feature maps by strides that double"
        )
    body = getattr(model.backbone, "body", None)
    if not all(hasattr(body, name) for name in ("conv1", "layer1", "layer2")):
        raise InputError(
            f"surgery is for detection models with a ResNet-FPN backbone, such as maskrcnn_resnet50_fpn; this backbone "
            f"is {type(model.backbone).__qualname__} without a ResNet's layers"
        )
    resnet.operate(body, len(frontend.selection), 2)
    weight = next(model.backbone.parameters())
    own = copy.deepcopy(frontend).to(weight)
    model.transform = FrequencyTransform(model.transform, own)
    model.rpn.anchor_generator = FrameAnchors(model.rpn.anchor_generator)
