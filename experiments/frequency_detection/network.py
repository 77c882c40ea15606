"""Mask R-CNN and Faster R-CNN on RGB and on frequency channels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FrozenBatchNorm2d
from tqdm import tqdm

from experiments.frequency_channels.entries import PixelEntry
from experiments.frequency_detection.coco import CocoImages
from jpegdomain.errors import InputError
from jpegdomain.frequency import (
    ChannelSet,
    ChannelStatistics,
    FileImage,
    Frontend,
    adapt,
    all_channels,
    fit_statistics,
)
from jpegdomain.frequency.channels import Source
from jpegdomain.frequency.surgery.detection import FrequencyTransform

__all__ = ["PRETRAINED", "Design", "build", "fit"]

PRETRAINED = "pretrained"
"""Instead of a file: torchvision's weights of the network on RGB, as far as surgery carries them over."""


@dataclass(frozen=True)
class Design:
    """How the network on RGB is built.

    Args:
        model: 'mask' or 'faster'.
        backbone: A ResNet of torchvision.
        min_size: Short side of its images.
        max_size: Long side of its images at most.
        small: Whether heads and samples are an eighth of torchvision's, for trying things out.
        precision: Of the backbone: 'float32' or 'bfloat16'.
    """

    model: str
    backbone: str
    min_size: int
    max_size: int
    small: bool = False
    precision: str = "float32"

    @property
    def masks(self) -> bool:
        """True if the network predicts masks."""
        return self.model == "mask"


class _Backbone(nn.Module):
    """A ResNet with its feature pyramid, in half precision if asked for.

    The features are float32 again, and so is all that is computed from them. torchvision decodes proposals in the dtype
    of the heads' outputs, and rounds the annotated boxes to that of the proposals: in bfloat16, whose numbers lie 4
    apart between 512 and 1024, boxes would be off by pixels.

    Args:
        backbone: torchvision's; its layers are shared.
        half: Whether to compute in bfloat16 where autocast does.
    """

    def __init__(self, backbone: nn.Module, half: bool) -> None:
        super().__init__()
        self.body, self.fpn, self.out_channels = backbone.body, backbone.fpn, backbone.out_channels
        self.half = half

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the features.

        Args:
            x: (n, 3, h, w) pixels or (n, C, X, Y) channels.

        Returns:
            Those of each level of the pyramid, float32.
        """
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.half):
            features = self.fpn(self.body(x))
        return {level: values.float() for level, values in features.items()}


def _heads(design: Design, classes: int) -> dict[str, Any]:
    if not design.small:
        return {"num_classes": classes + 1}
    heads: dict[str, Any] = {
        "box_head": TwoMLPHead(256 * 7 * 7, 128),
        "box_predictor": FastRCNNPredictor(128, classes + 1),
        "box_batch_size_per_image": 64,
        "rpn_post_nms_top_n_train": 250,
        "rpn_post_nms_top_n_test": 125,
    }
    if design.masks:
        heads["mask_head"] = MaskRCNNHeads(256, (32, 32), 1)
        heads["mask_predictor"] = MaskRCNNPredictor(32, 32, classes + 1)
    return heads


def _rgb(design: Design, classes: int, weights: str | None) -> nn.Module:
    """Build as torchvision's detection reference does: a pretrained backbone is trained from layer2 on."""
    known = get_model_weights(design.backbone).IMAGENET1K_V1 if weights == PRETRAINED else None
    backbone = resnet_fpn_backbone(
        backbone_name=design.backbone,
        weights=known,
        norm_layer=nn.BatchNorm2d if weights is None else FrozenBatchNorm2d,
        trainable_layers=5 if weights is None else 3,
    )
    backbone = _Backbone(backbone, design.precision == "bfloat16")
    kind = MaskRCNN if design.masks else FasterRCNN
    return kind(backbone, min_size=design.min_size, max_size=design.max_size, **_heads(design, classes))


def fit(design: Design, images: CocoImages, count: int, quiet: bool) -> ChannelStatistics:
    """Fit the statistics of the channels as the network sees them, in images at twice the size of the frame."""
    resizing = GeneralizedRCNNTransform(design.min_size, design.max_size, [0.0] * 3, [1.0] * 3)
    transform = FrequencyTransform(resizing, Frontend(all_channels())).eval()

    def sources() -> Iterator[Source]:
        numbers = range(0, len(images), -(-len(images) // count))
        for number in tqdm(numbers, desc="statistics", unit="image", disable=quiet):
            image = FileImage(images.read(number))
            frame, _ = transform.resize(torch.empty(tuple(image.shape), device="meta"))
            yield transform.source(image, frame.shape[-2:])

    return fit_statistics(sources())


def build(
    design: Design,
    classes: int,
    selection: ChannelSet | None = None,
    statistics: ChannelStatistics | None = None,
    weights: str | None = None,
) -> nn.Module:
    """Build a network.

    Args:
        design: Of the network on RGB.
        classes: Kinds of objects.
        selection: Channels that it takes; None for RGB.
        statistics: Of the channels.
        weights: Of the backbone: a file with the state dict of a classifier on the same input, `PRETRAINED`, or None
            for random ones.

    Returns:
        The network. With weights, its batch norms, stem and layer1 are frozen, except for the convolutions that read
        the channels, those of the first block and of its shortcut. Without weights, all of it is trained.
    """
    model = _rgb(design, classes, weights)
    if selection is not None:
        model = adapt(model, Frontend(selection, statistics))
    if weights not in {None, PRETRAINED}:
        _load(model, Path(weights))
    return model


def _load(model: nn.Module, path: Path) -> None:
    """Load a classifier's layers, and its input's statistics if `experiments.frequency_channels` wrote the file."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    entry = {key.removeprefix("entry."): value for key, value in state.items() if key.startswith("entry.")}
    if entry:
        _load_entry(model.transform, entry, path)
    network = {key.removeprefix("network."): value for key, value in state.items() if not key.startswith("entry.")}
    try:
        model.backbone.body.load_state_dict({k: v for k, v in network.items() if not k.startswith("fc.")})
    except RuntimeError as error:
        raise SystemExit(f"--backbone-weights: {path} is of another network: {error}") from error


def _load_entry(transform: GeneralizedRCNNTransform, entry: dict[str, Any], path: Path) -> None:
    frequency = isinstance(transform, FrequencyTransform)
    if ("selection" if frequency else "pixels") not in entry.get("_extra_state", {}):
        kind = "frequency channels" if frequency else "RGB pixels"
        raise SystemExit(f"--backbone-weights: {path} does not say that its network takes {kind}")
    own = transform.frontend if frequency else PixelEntry("rgb", torch.zeros(3), torch.ones(3))
    try:
        own.load_state_dict(entry)
    except (InputError, RuntimeError) as error:
        raise SystemExit(f"--backbone-weights: {path} is of another input: {error}") from error
    if not frequency:
        transform.image_mean, transform.image_std = ((values / 255).tolist() for values in (own.mean, own.std))
