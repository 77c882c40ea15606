"""Faster R-CNN and Mask R-CNN with a ResNet-FPN backbone: channels enter the backbone, boxes stay in RGB pixels."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from jpegdomain.data import collate
from jpegdomain.errors import InputError
from jpegdomain.frequency.channels import Source
from jpegdomain.frequency.frontend import Frontend
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess import Compose, RandomHorizontalFlip, Resize

from .adapting import FileImage
from .classifiers import RESNET_STRIDE, operate_resnet

__all__ = ["FrequencyTransform", "operate_detection"]

_SCALE = BLOCK // RESNET_STRIDE


def operate_detection(model: Any, frontend: Frontend, layer2_stride: int) -> None:
    """Replace the stem, the transform and the frame of the anchors, in place; the frontend is copied."""
    if layer2_stride != 2:
        raise InputError("layer2_stride=1 is only for classifiers: detection's RoI pooling needs strides that double")
    body = getattr(model.backbone, "body", None)
    if not all(hasattr(body, name) for name in ("conv1", "layer1", "layer2")):
        raise InputError(
            f"adapt takes detection models with a ResNet-FPN backbone, such as maskrcnn_resnet50_fpn; this backbone is "
            f"{type(model.backbone).__qualname__} without a ResNet's layers"
        )
    operate_resnet(body, len(frontend.selection), 2)
    weight = next(model.backbone.parameters())
    own = copy.deepcopy(frontend).to(weight)
    model.transform = FrequencyTransform(model.transform, own)
    model.rpn.anchor_generator = _FrameAnchors(model.rpn.anchor_generator)


class FrequencyTransform(GeneralizedRCNNTransform):
    """Makes a batch of frequency channels from images, in torchvision's frame (its resized image).

    Boxes, masks and image sizes are those of the RGB network: the short side is `min_size`, the long one at most
    `max_size`. The channels are computed from the image at twice that size (Xu et al. 2020: 1600×2666 instead of
    800×1333), with a block for every 4×4 pixels of the frame. They are normalised, then padded with zeros, as
    torchvision pads pixels.
    """

    def __init__(self, transform: GeneralizedRCNNTransform, frontend: Frontend) -> None:
        super().__init__(
            transform.min_size,
            transform.max_size,
            transform.image_mean,
            transform.image_std,
            transform.size_divisible,
            transform.fixed_size,
            _skip_resize=transform._skip_resize,
        )
        if self.size_divisible % RESNET_STRIDE:
            raise InputError(
                f"the model pads images to multiples of {self.size_divisible} pixels, but blocks are {RESNET_STRIDE} "
                f"pixels apart: build it with a size_divisible that is a multiple of {RESNET_STRIDE}"
            )
        self.frontend = frontend
        self.train(transform.training)

    def forward(
        self, images: Sequence[Tensor | FileImage], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """Return channels (n, C, X, Y) on one grid with each image's size in the frame, and targets in the frame."""
        moved = None if targets is None else [dict(target) for target in targets]
        channels, sizes = [], []
        for position, image in enumerate(images):
            _check(image)
            # A meta tensor goes through torchvision's own resizing: the frame is exactly the RGB network's.
            shadow = torch.empty(tuple(image.shape), device="meta")
            frame, target = self.resize(shadow, None if moved is None else moved[position])
            if moved is not None:
                moved[position] = target
            sizes.append(tuple(frame.shape[-2:]))
            with torch.autocast(self.frontend.mean.device.type, enabled=False):
                channels.append(self.frontend(self.source(image, sizes[-1]))[0].to(self.frontend.mean))
        return ImageList(self.batch_images(channels, self.size_divisible // RESNET_STRIDE), sizes), moved

    def source(self, image: Tensor | FileImage, frame: Sequence[int]) -> Source:
        """Resize an image to twice its height and width in the frame: the frontend's input, in float32 or float64."""
        size = [_SCALE * side for side in frame]
        mean = self.frontend.mean
        # Half precision is for the network: sums of 64 products of levels need more digits.
        wide = torch.promote_types(mean.dtype, torch.float32)
        if isinstance(image, FileImage):
            # Without antialiasing, as torchvision's detection models resize: both kinds of image get the same function.
            flip = [RandomHorizontalFlip(1.0)] if image.flipped else []
            preprocess = Compose([*flip, Resize(size, antialias=False)])
            return collate([image.image], preprocess=preprocess, dtype=wide, device=mean.device)
        return 255 * F.interpolate(image[None].to(mean.device, wide), size=size, mode="bilinear", align_corners=False)

    def __repr__(self) -> str:
        return f"FrequencyTransform(min_size={self.min_size}, max_size={self.max_size}, {self.frontend})"


class _FrameAnchors(nn.Module):
    """The RGB network's anchor generator, on the channels' frame with 4×4 pixels per block."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """The RGB network's anchors in pixels of the frame, for channels with the images' sizes in the frame."""
        count, _, *grid = images.tensors.shape
        # The generator only reads its shape.
        shadow = torch.empty(count, 3, *(RESNET_STRIDE * blocks for blocks in grid), device="meta")
        anchors: list[Tensor] = self.generator(ImageList(shadow, images.image_sizes), feature_maps)
        return anchors

    def num_anchors_per_location(self) -> Any:
        """One number for each feature map, as in torchvision's own generator."""
        return self.generator.num_anchors_per_location()  # type: ignore[operator]


def _check(image: Any) -> None:
    if isinstance(image, FileImage):
        return
    if not (isinstance(image, Tensor) and image.dim() == 3 and image.shape[0] == 3 and image.is_floating_point()):
        given = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__qualname__
        raise InputError(
            f"images must be floating-point RGB (3, h, w) in 0…1, or jpegdomain.frequency.FileImage; got {given}"
        )
