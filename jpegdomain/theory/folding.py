"""Fold a pixel-linear operation into the transform domain: Ξ = J∘C∘J̃, eqs. (11) to (13) of Ehrlich & Davis (2019).

Two of the three forms of a convolution's Ξ are tensors, and are built here; the third, *factored*, is the composition
itself (`functional.conv2d`).

- *dense*: the paper's tensor, one entry per pair of coefficients. (8X·8Y·c)·(8X'·8Y'·c') entries.
- *stencil*: Ξ does not depend on the block's position, so it is a convolution over the block grid with 64·c channels.

Both follow from one separable fact. A convolution is Σ_ab W[o,i,a,b]·(shift by a rows)⊗(shift by b columns), so with
V_t = J·(shift by tap t)·J̃ along one axis, Ξ = Σ_ab W[o,i,a,b]·V_a⊗V_b, contracted tap by tap.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.constants import constant
from jpegdomain.errors import UnsupportedFoldError
from jpegdomain.geometry import BLOCK, Extent, Window, block_count, padded_size, window_output

from .tensors import dct_matrix

__all__ = ["dense", "dense_of", "stencil"]


def _dct() -> NDArray[np.float64]:
    return dct_matrix().numpy()


@constant
def _dense_taps(
    size: int,
    kernel: int,
    stride: int,
    padding: tuple[int, int],
    dilation: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    """(kernel, 8X', 8X) V_t of one axis for an extent of `size` samples."""
    positions = np.arange(window_output(size, kernel, stride, padding, dilation))
    shifts = np.zeros((kernel, padded_size(len(positions)), padded_size(size)))
    for tap in range(kernel):
        source = positions * stride + tap * dilation - padding[0]
        inside = (source >= 0) & (source < size)
        shifts[tap, positions[inside], source[inside]] = 1
    forward = np.kron(np.eye(block_count(len(positions))), _dct())
    inverse = np.kron(np.eye(block_count(size)), _dct().T)
    return torch.from_numpy(forward @ shifts @ inverse).to(device, dtype)


@constant
def _stencil_taps(
    kernel: int, stride: int, padding: tuple[int, int], dilation: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(kernel, 8, blocks, 8) V_t of one axis: output frequency, relative input block, input frequency."""
    first, last = Window((kernel, 1), (stride, 1), (padding, (0, 0)), (dilation, 1)).reach(0)
    shifts = np.zeros((kernel, BLOCK, BLOCK * (last - first + 1)))
    for tap in range(kernel):
        for sample in range(BLOCK):
            source = stride * sample + tap * dilation - padding[0]
            shifts[tap, sample, source - BLOCK * first] = 1
    blocks = shifts.reshape(-1, BLOCK, last - first + 1, BLOCK)
    return torch.from_numpy(np.einsum("au,tuxv,bv->taxb", _dct(), blocks, _dct())).to(device, dtype)


@constant
def _axis(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(8⌈size/8⌉, size) J along one axis."""
    return torch.from_numpy(np.kron(np.eye(block_count(size)), _dct())[:, :size].copy()).to(device, dtype)


def _check(weight: Tensor, groups: int) -> None:
    if weight.dim() != 4 or weight.shape[0] % groups:
        raise UnsupportedFoldError(
            f"a convolution's weight must be (c', c/groups, kh, kw), with c' a multiple of groups={groups}; "
            f"got the shape {tuple(weight.shape)}"
        )


def dense(weight: Tensor, window: Window, extent: Extent, *, groups: int = 1) -> Tensor:
    """Fold a zero-padded convolution into the paper's dense Ξ^{pxyk}_{p'x'y'k'}, eqs. (12) and (13).

    Differentiable in `weight`. `tensors.to_zigzag` turns the input or output indices into the paper's (x, y, k).

    Args:
        weight: (c', c/groups, kh, kw) the spatial kernel.
        window: The convolution's geometry; its kernel size must be the weight's.
        extent: Height and width of the input in pixels.
        groups: As in ``torch.nn.Conv2d``; pairs of channels from different groups get zeros.

    Returns:
        (c', 8X', 8Y', c, 8X, 8Y) in the weight's dtype and on its device; input and output indices are orthonormal
        coefficients in place, y[p', i', j'] = Σ Ξ[p', i', j', p, i, j]·x[p, i, j].
    """
    _check(weight, groups)
    rows, columns = (_dense_taps(extent[axis], *window.along(axis), weight.dtype, weight.device) for axis in (0, 1))
    parts = torch.einsum("goiab,aIx,bJy->goIJixy", weight.unflatten(0, (groups, -1)), rows, columns)
    if groups == 1:
        return parts[0]
    # Every group's block on the diagonal of the channel pairs.
    group = torch.eye(groups, dtype=weight.dtype, device=weight.device)
    full = torch.einsum("goIJixy,gh->goIJhixy", parts, group)
    return full.flatten(4, 5).flatten(0, 1)


def stencil(weight: Tensor, window: Window, *, groups: int = 1) -> Tensor:
    """Fold a zero-padded convolution into a convolution over the block grid with 64·c channels.

    Its stride is the window's, and its padding follows from `Window.reach`. Channel 64·p + 8·α + β is coefficient α, β
    of channel p, the order of ``torch.pixel_unshuffle``. Differentiable in `weight`.

    Args:
        weight: (c', c/groups, kh, kw) the spatial kernel.
        window: The convolution's geometry; its kernel size must be the weight's.
        groups: As in ``torch.nn.Conv2d``.

    Returns:
        (64·c', 64·c/groups, X-reach, Y-reach) in the weight's dtype and on its device.
    """
    _check(weight, groups)
    rows, columns = (_stencil_taps(*window.along(axis), weight.dtype, weight.device) for axis in (0, 1))
    folded = torch.einsum("oiab,aAxu,bBzv->oABiuvxz", weight, rows, columns)
    return folded.flatten(3, 5).flatten(0, 2).contiguous()


def _transform(pixels: Tensor) -> Tensor:
    """J by the definition, (…, h, w) → (…, 8X, 8Y): one matrix per axis."""
    rows, columns = (_axis(size, pixels.dtype, pixels.device) for size in pixels.shape[-2:])
    return rows @ pixels @ columns.T


def _invert(coefficients: Tensor, extent: Extent) -> Tensor:
    """J̃ by the definition, (…, 8X, 8Y) → (…, h, w)."""
    rows, columns = (_axis(size, coefficients.dtype, coefficients.device) for size in extent)
    return rows.T @ coefficients @ columns


def dense_of(
    operation: Callable[[Tensor], Tensor],
    channels: int,
    extent: Extent,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str | None = None,
) -> Tensor:
    """Fold any pixel-linear operation C into Ξ = J̃·C·J, eq. (11), by applying it to every basis image.

    As in eq. (12), J̃ is treated as a batch of images: one per coefficient.

    Args:
        operation: A linear function, (n, channels, h, w) → (n, c', h', w').
        channels: c, the number of input channels.
        extent: Height and width of the input in pixels.
        dtype: The dtype of the basis images and the result.
        device: The device of the basis images and the result.

    Returns:
        (c', 8X', 8Y', c, 8X, 8Y); input and output indices are orthonormal coefficients in place.

    Raises:
        UnsupportedFoldError: If the operation is not linear, for example because it adds a bias: leave that out.
    """
    extent = Extent(*extent)
    height, width = extent.canvas
    count = channels * height * width
    basis = torch.eye(count, dtype=dtype, device=device).view(count, channels, height, width)
    zero = torch.zeros(1, channels, *extent, dtype=dtype, device=device)
    one, other = torch.randn(2, channels, *extent, dtype=dtype, device=device).split(1)
    apart = operation(one - other) - (operation(one) - operation(other))
    if operation(zero).count_nonzero() or apart.abs().max() > 1e-4 * operation(one).abs().max():
        raise UnsupportedFoldError(
            "the operation is not linear: it does not map the zero image to zero, or differences to differences; "
            "a bias must be left out"
        )
    images = _transform(operation(_invert(basis, extent)))
    return images.permute(1, 2, 3, 0).unflatten(-1, (channels, height, width)).contiguous()
