"""From a batch of JPEG files to the first activation: one affine map from component planes to normalised channels.

Chroma upsampling (as libjpeg's default), the cut to the image, the level shift, the colour matrix, 1/255 and mean/std
are all linear or constant, so the map is J∘(affine)∘J̃. Only upsampled planes pass through pixels on the way: a plane
at full resolution is scaled and mixed as coefficients. What is left out is what is not linear: libjpeg's rounding to
integers and its clamping to 0…255.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from .activation import Activation
from .codec import JpegBatch, Plane
from .errors import InputError
from .functional import affine, cut, decode, encode
from .geometry import Extent

__all__ = ["Entry", "decode_luma", "decode_rgb", "first_activation", "upsample"]

Values: TypeAlias = float | Sequence[float] | Tensor
"""One number for all channels, or one per channel."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G, B in Y (ITU-T T.871 clause 7)."""

_YCBCR_TO_RGB = (
    (1.0, 0.0, 1.402),
    (1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587),
    (1.0, 1.772, 0.0),
)
"""Rows R, G, B; columns Y, Cb, Cr, level-shifted (ITU-T T.871 clause 7)."""

_MIXING: dict[tuple[str, int], tuple[tuple[float, ...], ...]] = {
    ("gray", 1): ((1.0,),),
    ("gray", 3): ((1.0,),) * 3,
    ("ycbcr", 1): ((1.0,),),
    ("ycbcr", 3): _YCBCR_TO_RGB,
    ("rgb", 1): (_LUMA,),
    ("rgb", 3): ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}
"""(file's colour model, channels wanted) → rows: channels, columns: the leading components of the file."""


def _triangle(samples: Tensor, axis: int) -> Tensor:
    """Double one axis: each output lies a quarter step from its nearest input, ¾ of which it takes."""
    size = samples.shape[axis]
    first, last = samples.narrow(axis, 0, 1), samples.narrow(axis, size - 1, 1)
    before = torch.cat([first, samples.narrow(axis, 0, size - 1)], axis)
    after = torch.cat([samples.narrow(axis, 1, size - 1), last], axis)
    pair = torch.stack([0.75 * samples + 0.25 * before, 0.75 * samples + 0.25 * after], axis + 1)
    return pair.flatten(axis, axis + 1)


def upsample(samples: Tensor, factors: tuple[int, int]) -> Tensor:
    """Upsample a component as libjpeg-turbo does by default ("fancy upsampling"), without its rounding.

    A factor of 2 takes the triangle filter (¾, ¼) with replicated edges, if the other factor is 1 or 2 and, where the
    width is doubled, the component is more than 2 samples wide. Every other factor repeats samples.

    Args:
        samples: (n, c, h, w) the component's own samples, no padding of its blocks.
        factors: Vertical and horizontal, at least 1.

    Returns:
        (n, c, h·vertical, w·horizontal).
    """
    fancy = factors in {(1, 2), (2, 1), (2, 2)} and (factors[1] == 1 or samples.shape[3] > 2)
    for axis, factor in zip((2, 3), factors, strict=True):
        if factor == 2 and fancy:
            samples = _triangle(samples, axis)
        elif factor > 1:
            samples = samples.repeat_interleave(factor, axis)
    return samples


def _full_resolution(plane: Plane, extent: Extent) -> Tensor:
    """(m, 1, 8X, 8Y) coefficients of a component on the image's own grid, nothing outside the image."""
    if plane.upsampling == (1, 1):
        # The encoder filled partial blocks as it liked; an activation has zeros there.
        return cut(plane.coefficients, extent)
    samples = upsample(decode(Activation(plane.coefficients, plane.extent)), plane.upsampling)
    return encode(samples[:, :, : extent.height, : extent.width]).coefficients


def first_activation(
    batch: JpegBatch, channels: int, scale: Tensor | None = None, shift: Tensor | None = None
) -> Activation:
    """Map component planes to channels: scale·(colour matrix · upsampled planes + 128) + shift.

    Grayscale files give three equal channels, as Pillow's ``convert("RGB")``; of colour files one channel takes luma.

    Args:
        batch: Of equal extents; samplings and colour models may differ.
        channels: 1 or 3.
        scale: (channels,) in 1/levels, or None for 1.
        shift: (channels,), or None for 0.

    Returns:
        The activation of the batch's extent, in the batch's order, dtype and device.
    """
    parts: list[Tensor] = []
    order: list[int] = []
    for group in batch.groups:
        mixing = torch.tensor(_MIXING[group.color, channels], dtype=batch.dtype, device=batch.device)
        planes = [_full_resolution(plane, batch.extent) for plane in group.planes[: mixing.shape[1]]]
        level = torch.full((channels,), 128.0, dtype=batch.dtype, device=batch.device)
        if scale is not None:
            mixing, level = mixing * scale[:, None], level * scale
        if shift is not None:
            level = level + shift
        mixed = torch.einsum("ck,nkhw->nchw", mixing, torch.cat(planes, dim=1))
        parts.append(affine(mixed, batch.extent, None, level))
        order += group.images
    coefficients = parts[0]
    if len(parts) > 1:
        back = torch.tensor(order, device=batch.device).argsort()
        coefficients = torch.cat(parts).index_select(0, back)
    return Activation(coefficients, batch.extent)


def decode_rgb(batch: JpegBatch) -> Tensor:
    """Decode to RGB pixels in floating point: what 'exact' is measured against.

    Inverse DCT, triangle chroma upsampling and the JFIF colour matrix as libjpeg-turbo applies them by default, without
    its rounding to integers and its clamping to 0…255.

    Args:
        batch: From `collate`.

    Returns:
        (n, 3, h, w) levels, 0…255 but for overshoot, in the batch's dtype.
    """
    return decode(first_activation(batch, 3))


def decode_luma(batch: JpegBatch) -> Tensor:
    """Decode to luma pixels in floating point: what a 1-channel model sees.

    Args:
        batch: From `collate`.

    Returns:
        (n, 1, h, w) levels, 0…255 but for overshoot, in the batch's dtype.
    """
    return decode(first_activation(batch, 1))


class Entry(nn.Module):
    """The first layer of a converted model: files to the normalised activation, (levels/255 − mean)/std.

    Args:
        channels: That the model takes; None if it is not known, then only activations enter.
        mean: Of the channels on the scale 0…1; ImageNet's by default for 3 channels, 0 for others.
        std: Likewise; 1 for other than 3 channels.

    Raises:
        ValueError: If mean or std has another length than `channels`, or std a zero.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int | None = 3, mean: Values | None = None, std: Values | None = None) -> None:
        super().__init__()
        self.channels = channels
        color = channels == 3
        for name, value, default in (
            ("mean", mean, IMAGENET_MEAN if color else 0.0),
            ("std", std, IMAGENET_STD if color else 1.0),
        ):
            values = torch.as_tensor(default if value is None else value, dtype=torch.float64)
            if values.dim() > 1 or values.numel() not in (1, channels or values.numel()):
                raise ValueError(f"{name} is one number or {channels}; got the shape {tuple(values.shape)}")
            # float64 whatever the model's dtype: cast at use, lest float32 means enter a float64 model.
            setattr(self, name, values.flatten())
        if not self.std.all():
            raise ValueError("std holds a zero")

    def forward(self, x: JpegBatch | Activation) -> Activation:
        """Give the first activation.

        Args:
            x: A batch of files, or an activation, which is taken as it is: already normalised.

        Returns:
            (n, channels) feature maps of the images' extent.

        Raises:
            InputError: If `x` is neither, or the model takes other than 1 or 3 channels and `x` is a batch.
        """
        if isinstance(x, Activation):
            return x
        if not isinstance(x, JpegBatch):
            raise InputError(
                f"a converted model takes a JpegBatch (jpegdomain.collate) or an Activation "
                f"(jpegdomain.encode of normalised pixels); got {type(x).__qualname__}"
            )
        if self.channels not in (1, 3):
            raise InputError(
                f"this model takes {self.channels or 'an unknown number of'} channels; JPEG files give 1 or 3: "
                "pass an Activation"
            )
        scale = (1 / (255 * self.std)).expand(self.channels)
        shift = (-self.mean / self.std).expand(self.channels)
        return first_activation(
            x,
            self.channels,
            scale.to(device=x.device, dtype=x.dtype),
            shift.to(device=x.device, dtype=x.dtype),
        )

    def normalised_pixels(self, batch: JpegBatch) -> Tensor:
        """Give what the spatial model is to be fed with: the float decoding, normalised as pixels.

        Args:
            batch: From `collate`.

        Returns:
            (n, channels, h, w).
        """
        pixels = decode_luma(batch) if self.channels == 1 else decode_rgb(batch)
        mean, std = (v.to(pixels).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return (pixels / 255 - mean) / std

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            Channels, mean and std.
        """
        mean, std = (tuple(v.tolist()) for v in (self.mean, self.std))
        return f"channels={self.channels}, mean={mean}, std={std}"
