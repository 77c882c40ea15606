"""From a batch of JPEG files to the first activation: one affine map from components to normalised channels.

Chroma upsampling (libjpeg's default), the crop to the image, a preprocess, the level shift, the colour matrix, 1/255
and mean/std are all linear or constant, so the map is J∘(affine)∘J̃. Only upsampled planes are converted to pixels on
the way: a plane at full resolution is scaled and mixed as coefficients. What is not linear is left out: libjpeg's
rounding to integers and its clamping to 0…255.

Only CMYK and YCCK files are not linear: their C, M and Y are multiplied by K, as pixels at full size, before the rest
of the map.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn

from jpegdomain.activation import Activation
from jpegdomain.codec import JpegImage
from jpegdomain.colour import Target
from jpegdomain.data import JpegBatch, collate
from jpegdomain.domains import Domain
from jpegdomain.errors import InputError
from jpegdomain.functional import decode

from .affine import to_activation, to_pixels
from .whole import Components

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "Entry", "Values", "decode_luma", "decode_rgb"]

Values: TypeAlias = float | Sequence[float] | Tensor
"""One number for all channels, or one per channel."""

_TARGETS: Final[dict[int | None, Target]] = {1: "luma", 3: "rgb"}

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def decode_rgb(batch: JpegBatch | Sequence[JpegImage]) -> Tensor:
    """Decode to RGB pixels in floating point: the reference for the word 'exact'.

    Inverse DCT, triangle chroma upsampling and the JFIF colour matrix as libjpeg-turbo applies them by default, without
    its rounding to integers and its clamping to 0…255. CMYK and YCCK files become R = C·K/255, G = M·K/255 and
    B = Y·K/255 of the levels that they store, before any preprocess, as Pillow and torchvision convert them
    (`jpegdomain.colour.from_inks`).

    Args:
        batch: A batch from `collate`, or records of one size.

    Returns:
        (n, 3, h, w) levels in the batch's dtype; 0…255, except for overshoot.

    Raises:
        InputError: If `batch` is neither.
        ExtentMismatchError: If the records' sizes differ.
    """
    return to_pixels(_batch(batch), "rgb")


def decode_luma(batch: JpegBatch | Sequence[JpegImage]) -> Tensor:
    """Decode to luma pixels in floating point: the input of a 1-channel model.

    Args:
        batch: A batch from `collate`, or records of one size.

    Returns:
        (n, 1, h, w) levels in the batch's dtype; 0…255, except for overshoot.

    Raises:
        InputError: If `batch` is neither.
        ExtentMismatchError: If the records' sizes differ.
    """
    return to_pixels(_batch(batch), "luma")


def _batch(given: JpegBatch | Sequence[JpegImage]) -> JpegBatch:
    if isinstance(given, JpegBatch):
        return given
    if isinstance(given, (list, tuple)) and all(isinstance(image, JpegImage) for image in given):
        return collate(given)
    raise InputError(
        f"expected a JpegBatch (jpegdomain.collate) or a list of records (jpegdomain.read_jpegs), got "
        f"{type(given).__qualname__}"
        + (f" of {type(given[0]).__qualname__}" if isinstance(given, (list, tuple)) and given else "")
    )


class Entry(nn.Module):
    """The first layer of a converted model: files to the normalised activation, (levels/255 − mean)/std.

    Args:
        channels: The number of the model's input channels. If it is None, unknown, only activations are accepted.
        mean: The channels' mean on the scale 0…1; by default ImageNet's for 3 channels, 0 for others.
        std: The channels' standard deviation on the scale 0…1; by default ImageNet's for 3 channels, 1 for others.
        domain: The domain of the result: 'transform' for an activation, 'pixels' for its pixels.

    Raises:
        ValueError: If the length of mean or std is not `channels`, or std contains a zero.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        channels: int | None = 3,
        mean: Values | None = None,
        std: Values | None = None,
        domain: Domain = "transform",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.domain = domain
        color = channels == 3
        for name, value, default in (
            ("mean", mean, IMAGENET_MEAN if color else 0.0),
            ("std", std, IMAGENET_STD if color else 1.0),
        ):
            values = torch.as_tensor(default if value is None else value, dtype=torch.float64)
            if values.dim() > 1 or values.numel() not in (1, channels or values.numel()):
                raise ValueError(f"{name} must be one number or {channels}, got the shape {tuple(values.shape)}")
            # Always float64, cast at use, so that a float64 model does not get float32 means.
            setattr(self, name, values.flatten())
        if not self.std.all():
            raise ValueError("std must not contain a zero")

    def forward(self, x: JpegBatch | Components | Activation) -> Activation | Tensor:
        """Compute the first feature map.

        Args:
            x: A batch of files, or their dequantised components; or an activation, which must already be normalised.

        Returns:
            (n, channels) feature maps of the images' extent, in the entry's domain.

        Raises:
            InputError: If `x` is none of these, or if it has files and the model does not take 1 or 3 channels.
        """
        if isinstance(x, Activation):
            if self.domain == "transform":
                return x
            pixels = decode(x)
            if pixels.dim() != 4 or torch._C._are_functorch_transforms_active():
                # vmap cannot query the memory format.
                return pixels
            # Convolutions are fastest with it, especially backward.
            return pixels.contiguous(memory_format=torch.channels_last)
        if not isinstance(x, (JpegBatch, Components)):
            raise InputError(
                f"a converted model takes a JpegBatch (jpegdomain.collate) or an Activation "
                f"(jpegdomain.encode of normalised pixels), got {type(x).__qualname__}"
            )
        target = _TARGETS.get(self.channels)
        if self.channels is None or target is None:
            raise InputError(
                f"this model takes {self.channels or 'an unknown number of'} channels, but JPEG files give 1 or 3: "
                "pass an Activation instead"
            )
        scale = (1 / (255 * self.std)).expand(self.channels)
        shift = (-self.mean / self.std).expand(self.channels)
        scale, shift = scale.to(x.device), shift.to(x.device)
        if self.domain == "transform":
            return to_activation(x, target, scale, shift)
        return to_pixels(x, target, scale, shift, channels_last=True)

    def normalised_pixels(self, batch: JpegBatch | Activation) -> Tensor:
        """The spatial model's input (n, channels, h, w): the float decoding, normalised, or an activation's pixels."""
        if isinstance(batch, Activation):
            return decode(batch)
        pixels = decode_luma(batch) if self.channels == 1 else decode_rgb(batch)
        mean, std = (v.to(pixels).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return (pixels / 255 - mean) / std

    def extra_repr(self) -> str:
        """The settings."""
        mean, std = (tuple(v.tolist()) for v in (self.mean, self.std))
        return f"channels={self.channels}, mean={mean}, std={std}, domain={self.domain!r}"
