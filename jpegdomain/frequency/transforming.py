"""Planes of pixels to frequency channels: the 8×8 DCT of every block, as many frequencies of it as are wanted."""

from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.colour import RGB_TO_YCBCR
from jpegdomain.constants import constant
from jpegdomain.functional import encode
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.transform.reference import basis, own_dtype

__all__ = ["picked", "transformed"]

_FREQUENCIES: Final = BLOCK * BLOCK
_FEW: Final = 96
"""Up to so many channels their own products take less time than all 192 of the separable transform."""


def transformed(planes: Tensor, indices: Sequence[int] | None, *, rgb: bool) -> Tensor:
    """Transform level-shifted pixels.

    Args:
        planes: (n, c, h, w) float32 or float64: R, G and B, all three less 128; or the leading ones of Y, Cb and Cr,
            level-shifted.
        indices: Channel numbers 64·component + 8·α + β of Y, Cb and Cr, in the order of the result; None for all.
        rgb: Whether the planes are R, G and B.

    Returns:
        (n, channels, ⌈h/8⌉, ⌈w/8⌉). Outside the extent there is nothing, as in an activation.
    """
    if indices is not None and len(indices) <= _FEW and planes.device.type == "cpu":
        return _by_products(planes, tuple(indices), rgb)
    if rgb:
        matrix = torch.tensor(RGB_TO_YCBCR, dtype=planes.dtype, device=planes.device)
        with own_dtype(planes):
            planes = torch.einsum("ck,nkhw->nchw", matrix, planes)
    return picked(encode(planes).coefficients, indices)


def picked(coefficients: Tensor, indices: Sequence[int] | None) -> Tensor:
    """Take channels from coefficients in place.

    Args:
        coefficients: (n, c, 8X, 8Y), row = vertical frequency, column = horizontal frequency in every tile.
        indices: Channel numbers, in the order of the result; None for all 64·c.

    Returns:
        (n, channels, X, Y).
    """
    tiles = coefficients.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).permute(0, 1, 3, 5, 2, 4)
    if indices is None:
        return tiles.flatten(1, 3)
    component, vertical, horizontal = _positions(tuple(indices), coefficients.device)
    return tiles[:, component, vertical, horizontal]


def _by_products(planes: Tensor, indices: tuple[int, ...], rgb: bool) -> Tensor:
    """One product with the wanted functions of the basis, and with the colour matrix in them."""
    extent = Extent(*planes.shape[2:])
    if not extent.whole:
        planes = F.pad(planes, (0, extent.canvas[1] - extent.width, 0, extent.canvas[0] - extent.height))
    functions = _functions(indices, planes.shape[1], rgb, planes.dtype, planes.device)
    with own_dtype(planes):
        return F.conv2d(planes, functions, stride=BLOCK)


@constant
def _functions(indices: tuple[int, ...], planes: int, rgb: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(channels, planes, 8, 8) what each channel weights an 8×8 block of the planes by: m_{ck}·d_{αm}·d_{βn}."""
    d = basis(torch.float64, torch.device("cpu"))
    component, vertical, horizontal = _positions(indices, torch.device("cpu"))
    colours = torch.tensor(RGB_TO_YCBCR, dtype=torch.float64) if rgb else torch.eye(3, planes, dtype=torch.float64)
    return torch.einsum("ck,cm,cn->ckmn", colours[component], d[vertical], d[horizontal]).to(device, dtype)


@constant
def _positions(indices: tuple[int, ...], device: torch.device) -> Tensor:
    """(3, channels) component, vertical and horizontal frequency."""
    numbers = torch.tensor(indices, device=device)
    return torch.stack([numbers // _FREQUENCIES, numbers // BLOCK % BLOCK, numbers % BLOCK])
