"""The backend of torch's own matrix products: for every device, dtype and transform of torch.func."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.constants import constant
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.tables import frequency_index
from jpegdomain.theory.tensors import dct_matrix

from .protocol import Frequencies, Mask, check_frequencies

__all__ = ["basis", "forward", "inverse", "low_pass", "masked", "own_dtype", "separable", "supports"]

_BASIS: Final = dct_matrix().tolist()
_FREQUENCIES: Final = frequency_index().tolist()

# Below this many channels, the horizontal products of the channels-last form are too small to be worth their calls.
_FEW_CHANNELS = 8

_CACHED_ELEMENTS = 2**18
"""Elements of an intermediate result: a megabyte of float32, one core's second-level cache."""


@constant
def basis(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the orthonormal DCT-II matrix d_{αm}, (8, 8), row = frequency, column = sample."""
    return torch.tensor(_BASIS, dtype=dtype, device=device)


@constant
def _frequency_index(device: torch.device) -> Tensor:
    """(8, 8) the spatial frequency α+β."""
    return torch.tensor(_FREQUENCIES, device=device)


@constant
def _kept(frequencies: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(8, 8) ones where α+β < frequencies."""
    return (_frequency_index(device) < frequencies).to(dtype)


def supports(*tensors: Tensor) -> bool:  # noqa: ARG001
    """Return True."""
    return True


def forward(pixels: Tensor, *, inplace: bool = False) -> Tensor:
    """Apply J, as `Backend.forward`; channels-last in memory from 8 channels on."""
    # Not by `Extent`: torch 2.6 cannot compile properties of named tuples that it has created itself.
    below, right = (-size % BLOCK for size in pixels.shape[2:])
    if below or right:
        pixels = F.pad(pixels, (0, right, 0, below))
    return separable(pixels, basis(pixels.dtype, pixels.device), inplace=inplace)


def inverse(coefficients: Tensor, extent: Extent, frequencies: int = 15, *, inplace: bool = False) -> Tensor:  # noqa: ARG001
    """Apply J̃, as `Backend.inverse`; channels-last in memory from 8 channels on."""
    kept = low_pass(coefficients, frequencies)
    return separable(kept, basis(kept.dtype, kept.device).T)[:, :, : extent.height, : extent.width]


def masked(value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:  # noqa: ARG001
    """Apply J∘clamp∘J̃, as `Backend.masked`."""
    low, high, below, above = mask.clamp
    approximation = inverse(value if mask.source is None else mask.source, extent, mask.frequencies)
    exact = approximation if mask.source is None else inverse(value, extent)
    return forward(torch.where(approximation <= low, below, torch.where(approximation >= high, above, exact)))


def separable(x: Tensor, matrix: Tensor, *, inplace: bool = False) -> Tensor:
    """Multiply each 8×8 tile of (n, c, 8X, 8Y) by a matrix from the left and by its transpose from the right."""
    n, c, height, width = x.shape
    if c < _FEW_CHANNELS:
        rows = _left_product(matrix, x.reshape(-1, BLOCK, width))
        with own_dtype(x):
            return (rows.view(-1, BLOCK) @ matrix.T).view(x.shape)
    strips = x.permute(0, 2, 3, 1).reshape(-1, BLOCK, width * c)
    recorded = torch.is_grad_enabled() or torch.compiler.is_compiling()
    if recorded or torch._C._are_functorch_transforms_active():
        # Do not write into existing memory under autograd, a compiler or a transform of torch.func.
        tiles = _both_products(matrix, strips, c)
    else:
        tiles = strips if inplace else torch.empty_like(strips)
        for some in _in_cache(strips):
            _both_products(matrix, strips[some], c, out=tiles[some])
    return tiles.view(n, height, width, c).permute(0, 3, 1, 2)


def _both_products(matrix: Tensor, strips: Tensor, channels: int, out: Tensor | None = None) -> Tensor:
    """Multiply the tiles of block rows from both sides: (m, 8, 8Y·c) → (m, 8, 8Y·c); `out` may be `strips`."""
    rows = _left_product(matrix, strips).view(-1, BLOCK, channels)
    tiles = _left_product(matrix, rows, None if out is None else out.view(-1, BLOCK, channels))
    return tiles.view(strips.shape)


def _left_product(matrix: Tensor, stack: Tensor, out: Tensor | None = None) -> Tensor:
    # bmm, not matmul: matmul folds the stack by a transposed copy as soon as it requires a gradient.
    with own_dtype(stack):
        return torch.bmm(matrix.expand(stack.shape[0], BLOCK, BLOCK), stack, out=out)


def own_dtype(x: Tensor) -> AbstractContextManager[None]:
    """Return a context without autocast: a change of basis keeps its argument's dtype."""
    kind = x.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def _in_cache(strips: Tensor) -> Iterator[slice]:
    """Cut block rows into runs whose intermediate results stay in a core's cache; other devices get all at once."""
    fitting = _CACHED_ELEMENTS // (strips.shape[1] * strips.shape[2])
    step = max(1, fitting if strips.device.type == "cpu" else len(strips))
    for start in range(0, len(strips), step):
        yield slice(start, start + step)


def low_pass(coefficients: Tensor, frequencies: Frequencies) -> Tensor:
    """Keep the spatial frequencies α+β < frequencies of every block (Ehrlich & Davis, section 4.2).

    Args:
        coefficients: (n, c, 8X, 8Y) in place.
        frequencies: 1…15; 15 returns the tensor itself. A 0-d tensor is a number that is known only on its device:
            under ``torch.func.vmap``, one for each of several networks.

    Returns:
        (n, c, 8X, 8Y).
    """
    check_frequencies(frequencies)
    height, width = coefficients.shape[2:]
    if isinstance(frequencies, Tensor):
        mask = (_frequency_index(coefficients.device) < frequencies).to(coefficients.dtype)
    elif frequencies < 15:
        mask = _kept(frequencies, coefficients.dtype, coefficients.device)
    else:
        return coefficients
    return coefficients * mask.repeat(height // BLOCK, width // BLOCK)
