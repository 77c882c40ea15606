"""The exact channels: the 8×8 DCT of the image's Y, Cb and Cr, for the selected frequencies."""

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.colour import RGB_TO_YCBCR, Target
from jpegdomain.constants import constant
from jpegdomain.data import JpegBatch
from jpegdomain.decoding import Components, can_render, to_activation, to_pixels
from jpegdomain.functional import encode
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.transform.reference import basis, own_dtype

__all__ = ["channels_of_files", "channels_of_rgb"]

_FREQUENCIES: Final = BLOCK * BLOCK
_FEW: Final = 96
"""Up to this many channels, one product per channel is faster than the separable transform of all 192."""


def channels_of_files(source: JpegBatch | Components, indices: Sequence[int] | None) -> Tensor:
    """(n, channels, X, Y) of files in float32 or float64, for these channel numbers; None for all."""
    luma = indices is not None and max(indices) < _FREQUENCIES
    target: Target = "luma" if luma else "ycbcr"
    shift = torch.full((1 if luma else 3,), -128.0, dtype=source.dtype, device=source.device)
    if isinstance(source, JpegBatch) and can_render(source, None, None):
        return _transformed(to_pixels(source, target, None, shift), indices, rgb=False)
    return _picked(to_activation(source, target, None, shift).coefficients, indices)


def channels_of_rgb(pixels: Tensor, indices: Sequence[int] | None) -> Tensor:
    """The same for RGB levels 0…255, (n, 3, h, w) in float32 or float64."""
    # Subtracting 128 from R, G and B subtracts 128 from Y; Cb and Cr do not change.
    return _transformed(pixels - 128, indices, rgb=True)


def _transformed(planes: Tensor, indices: Sequence[int] | None, *, rgb: bool) -> Tensor:
    """Channels of level-shifted planes: R, G and B, or the leading ones of Y, Cb and Cr."""
    if indices is not None and len(indices) <= _FEW and planes.device.type == "cpu":
        return _by_products(planes, tuple(indices), rgb)
    if rgb:
        matrix = torch.tensor(RGB_TO_YCBCR, dtype=planes.dtype, device=planes.device)
        with own_dtype(planes):
            planes = torch.einsum("ck,nkhw->nchw", matrix, planes)
    return _picked(encode(planes).coefficients, indices)


def _picked(coefficients: Tensor, indices: Sequence[int] | None) -> Tensor:
    """Channels of coefficients in place: (n, c, 8X, 8Y) → (n, channels, X, Y)."""
    tiles = coefficients.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).permute(0, 1, 3, 5, 2, 4)
    if indices is None:
        return tiles.flatten(1, 3)
    component, vertical, horizontal = _positions(tuple(indices), coefficients.device)
    return tiles[:, component, vertical, horizontal]


def _by_products(planes: Tensor, indices: tuple[int, ...], rgb: bool) -> Tensor:
    """One product with each selected basis function, including the colour matrix."""
    extent = Extent(*planes.shape[2:])
    if not extent.whole:
        planes = F.pad(planes, (0, extent.canvas[1] - extent.width, 0, extent.canvas[0] - extent.height))
    functions = _functions(indices, planes.shape[1], rgb, planes.dtype, planes.device)
    with own_dtype(planes):
        return F.conv2d(planes, functions, stride=BLOCK)


@constant
def _functions(indices: tuple[int, ...], planes: int, rgb: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(channels, planes, 8, 8) weights of an 8×8 block of the planes in each channel: m_{ck}·d_{αm}·d_{βn}."""
    d = basis(torch.float64, torch.device("cpu"))
    component, vertical, horizontal = _positions(indices, torch.device("cpu"))
    colours = torch.tensor(RGB_TO_YCBCR, dtype=torch.float64) if rgb else torch.eye(3, planes, dtype=torch.float64)
    return torch.einsum("ck,cm,cn->ckmn", colours[component], d[vertical], d[horizontal]).to(device, dtype)


@constant
def _positions(indices: tuple[int, ...], device: torch.device) -> Tensor:
    """(3, channels) component, vertical and horizontal frequency."""
    numbers = torch.tensor(indices, device=device)
    return torch.stack([numbers // _FREQUENCIES, numbers // BLOCK % BLOCK, numbers % BLOCK])
