"""The image of ones, and pixels outside an extent: everything that partial blocks need."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.constants import constant
from jpegdomain.geometry import BLOCK, Extent

from .reference import basis, own_dtype

__all__ = ["affine", "constant_image", "cut"]


@constant
def _constant_axis(size: int, dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """The transform of `size` ones along one axis: (8⌈size/8⌉,)."""
    ones = F.pad(torch.ones(size, dtype=torch.float64, device="cpu"), (0, -size % BLOCK))
    return (ones.view(-1, BLOCK) @ basis(torch.float64, ones.device).T).flatten().to(device=device, dtype=dtype)


@constant
def _cut_axis(inside: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(8, 8): the map on coefficients that zeroes a block's samples from `inside` on."""
    inner = basis(torch.float64, torch.device("cpu"))[:, :inside]
    return (inner @ inner.T).to(device=device, dtype=dtype)


def constant_image(extent: Extent, *, dtype: torch.dtype = torch.float64, device: torch.device | None = None) -> Tensor:
    """Transform the image of ones, (8X, 8Y): 8 on DC for whole blocks, a fixed pattern on partial ones."""
    rows = _constant_axis(extent.height, dtype, device)
    columns = _constant_axis(extent.width, dtype, device)
    return rows[:, None] * columns


def affine(
    coefficients: Tensor,
    extent: Extent,
    scale: Tensor | None,
    shift: Tensor | None,
    *,
    inplace: bool = False,
) -> Tensor:
    """Scale and shift the pixels of each channel: J(a·I + b) = a·J(I) + b·J(1), eq. (24) and its general form.

    Args:
        coefficients: (n, c, 8X, 8Y) in place.
        extent: Height and width in pixels; the shift applies only to pixels inside it.
        scale: (c,) factors a, or None for 1.
        shift: (c,) pixel values b, or None for 0.
        inplace: Whether the coefficients may be overwritten; ignored while gradients are recorded.

    Returns:
        (n, c, 8X, 8Y) in the coefficients' dtype, a new tensor unless `inplace` or both are None.
    """
    inplace = inplace and not torch.is_grad_enabled()
    if scale is not None:
        factors = scale.view(-1, 1, 1)
        # Under autocast, the factors can have a wider dtype than the coefficients.
        coefficients = coefficients.mul_(factors) if inplace else (coefficients * factors).to(coefficients.dtype)
    if shift is None:
        return coefficients
    if extent.whole and (scale is not None or inplace):
        # Only DC changes, and this memory may be overwritten.
        coefficients[:, :, ::BLOCK, ::BLOCK] += BLOCK * shift.view(-1, 1, 1)
        return coefficients
    ones = constant_image(extent, dtype=coefficients.dtype, device=coefficients.device)
    # coefficients + shift·ones
    add = coefficients.addcmul_ if inplace else coefficients.addcmul
    return add(shift.to(coefficients.dtype).view(-1, 1, 1), ones)


def cut(coefficients: Tensor, extent: Extent) -> Tensor:
    """Zero the pixels of (n, c, 8X, 8Y) outside the extent: J∘(restriction)∘J̃, on the last block row and column."""
    rows, columns = extent.height % BLOCK, extent.width % BLOCK
    if rows:
        matrix = _cut_axis(rows, coefficients.dtype, coefficients.device)
        with own_dtype(coefficients):
            edge = torch.einsum("ab,ncbw->ncaw", matrix, coefficients[:, :, -BLOCK:])
        coefficients = torch.cat([coefficients[:, :, :-BLOCK], edge], dim=2)
    if columns:
        matrix = _cut_axis(columns, coefficients.dtype, coefficients.device)
        with own_dtype(coefficients):
            edge = coefficients[:, :, :, -BLOCK:] @ matrix
        coefficients = torch.cat([coefficients[:, :, :, :-BLOCK], edge], dim=3)
    return coefficients
