"""What a detection model does with images, in two frames: pixels of RGB for boxes, blocks for the network's input."""

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
from jpegdomain.preprocess import Compose, Resize

from .files import FileImage
from .resnet import STEM_STRIDE

__all__ = ["FrameAnchors", "FrequencyTransform"]

_SCALE = BLOCK // STEM_STRIDE


class FrequencyTransform(GeneralizedRCNNTransform):
    """From images to a batch of frequency channels, in torchvision's frame.

    Boxes, masks and image sizes are those of the RGB network: the short side at `min_size`, the long one at most at
    `max_size`. The channels are of the image at twice that size (Xu et al. 2020: 1600×2666 instead of 800×1333), a
    block for every 4×4 pixels of the frame, and are padded with zeros after they are normalised, as torchvision pads
    pixels.

    Args:
        transform: The RGB network's; not changed.
        frontend: Makes the channels.

    Raises:
        InputError: If the RGB network pads images to sizes that are no whole numbers of blocks.
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
        if self.size_divisible % STEM_STRIDE:
            raise InputError(
                f"the model pads images to multiples of {self.size_divisible} pixels, blocks lie {STEM_STRIDE} apart: "
                f"build it with a size_divisible that is a multiple of {STEM_STRIDE}"
            )
        self.frontend = frontend
        self.train(transform.training)

    def forward(
        self, images: Sequence[Tensor | FileImage], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """Make the network's input.

        Args:
            images: RGB (3, h, w) in 0…1, floating point, as torchvision's detection models take them, or files.
            targets: Boxes, and masks where there are any, of the images as they are.

        Returns:
            Channels (n, C, X, Y) on one grid, with each image's size in the frame; the targets in the frame.
        """
        moved = None if targets is None else [dict(target) for target in targets]
        channels, sizes = [], []
        for position, image in enumerate(images):
            _check(image)
            # A tensor without memory goes through torchvision's own resizing: the frame is exactly the RGB network's.
            shadow = torch.empty(tuple(image.shape), device="meta")
            frame, target = self.resize(shadow, None if moved is None else moved[position])
            if moved is not None:
                moved[position] = target
            sizes.append(tuple(frame.shape[-2:]))
            channels.append(self._channels(image, sizes[-1]))
        return ImageList(self.batch_images(channels, self.size_divisible // STEM_STRIDE), sizes), moved

    def source(self, image: Tensor | FileImage, frame: Sequence[int]) -> Source:
        """Bring an image to twice its size in the frame.

        Args:
            image: As `forward` takes it.
            frame: Height and width in the frame.

        Returns:
            What the frontend takes, in float32 or float64, on its device.
        """
        size = [_SCALE * side for side in frame]
        mean = self.frontend.mean
        # Half precision is for the network: sums of 64 products of levels need more digits.
        wide = torch.promote_types(mean.dtype, torch.float32)
        if isinstance(image, FileImage):
            # torchvision's detection models resize without antialiasing; so that both ways are the same function.
            preprocess = Compose([*image.steps, Resize(size, antialias=False)])
            return collate([image.image], preprocess=preprocess, dtype=wide, device=mean.device)
        return 255 * F.interpolate(image[None].to(mean.device, wide), size=size, mode="bilinear", align_corners=False)

    def _channels(self, image: Tensor | FileImage, frame: Sequence[int]) -> Tensor:
        with torch.autocast(self.frontend.mean.device.type, enabled=False):
            return self.frontend(self.source(image, frame))[0].to(self.frontend.mean)

    def __repr__(self) -> str:
        return f"FrequencyTransform(min_size={self.min_size}, max_size={self.max_size}, {self.frontend})"


class FrameAnchors(nn.Module):
    """An anchor generator that takes the channels' grid for the frame it is of: 4×4 pixels a block.

    Args:
        generator: The RGB network's.
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Give the anchors.

        Args:
            images: Channels with the images' sizes in the frame.
            feature_maps: Of the backbone.

        Returns:
            The RGB network's anchors, in pixels of the frame.
        """
        count, _, *grid = images.tensors.shape
        # The generator looks at its shape alone.
        shadow = torch.empty(count, 3, *(STEM_STRIDE * blocks for blocks in grid), device="meta")
        anchors: list[Tensor] = self.generator(ImageList(shadow, images.image_sizes), feature_maps)
        return anchors

    def num_anchors_per_location(self) -> Any:
        """Tell how many anchors there are, as torchvision asks its own.

        Returns:
            A number for each feature map.
        """
        return self.generator.num_anchors_per_location()  # type: ignore[operator]


def _check(image: Any) -> None:
    if isinstance(image, FileImage):
        return
    if not (isinstance(image, Tensor) and image.dim() == 3 and image.shape[0] == 3 and image.is_floating_point()):
        given = f"{image.dtype} {tuple(image.shape)}" if isinstance(image, Tensor) else type(image).__qualname__
        raise InputError(
            f"images are RGB tensors (3, h, w) in 0…1, floating point, or jpegdomain.frequency.FileImage; got {given}"
        )
