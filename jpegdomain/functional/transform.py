"""J and J̃ in the in-place layout, the constant image, the cut to an extent: what every other function is made of."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK, Extent
from jpegdomain.tables import frequency_index
from jpegdomain.tensors import dct_matrix

__all__ = [
    "Frequencies",
    "affine",
    "constant_image",
    "cut",
    "decode",
    "encode",
    "inverse_blocks",
    "low_pass",
    "map_pixels",
    "transform_blocks",
]

Frequencies: TypeAlias = int | Tensor
"""A number of spatial frequencies, 1…15, or a tensor without axes that holds one."""

# Below this many channels the horizontal products of the channels-last form are too thin to be worth their calls.
_FEW_CHANNELS = 8

_CACHED_ELEMENTS = 2**18
"""Elements of an intermediate result: a megabyte of float32, one core's second-level cache."""


@lru_cache(maxsize=64)
def _basis(dtype: torch.dtype, device: torch.device) -> Tensor:
    # A constant made under inference mode could never again take part in autograd.
    with torch.inference_mode(False):
        return dct_matrix(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _constant_axis(size: int, dtype: torch.dtype, device: torch.device | None) -> Tensor:
    """The transform of `size` ones along one axis: (8⌈size/8⌉,)."""
    with torch.inference_mode(False):
        ones = F.pad(torch.ones(size, dtype=torch.float64, device="cpu"), (0, -size % BLOCK))
        return (ones.view(-1, BLOCK) @ dct_matrix().T).flatten().to(device=device, dtype=dtype)


@lru_cache(maxsize=64)
def _cut_axis(inside: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(8, 8) the map that zeroes a block's samples from `inside` on, between transform and inverse."""
    with torch.inference_mode(False):
        basis = dct_matrix()
        return (basis[:, :inside] @ basis[:, :inside].T).to(device=device, dtype=dtype)


@lru_cache(maxsize=64)
def _frequency_index(device: torch.device) -> Tensor:
    """(8, 8) the spatial frequency α+β."""
    with torch.inference_mode(False):
        return torch.from_numpy(frequency_index()).to(device)


@lru_cache(maxsize=64)
def _kept(frequencies: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(8, 8) ones where α+β < frequencies."""
    with torch.inference_mode(False):
        return (_frequency_index(device) < frequencies).to(dtype)


def _separable(x: Tensor, matrix: Tensor, *, inplace: bool = False) -> Tensor:
    """Multiply each 8×8 tile by `matrix` from the left and by its transpose from the right."""
    n, c, height, width = x.shape
    if c < _FEW_CHANNELS:
        rows = _left_product(matrix, x.reshape(-1, BLOCK, width))
        with _own_dtype(x):
            return (rows.view(-1, BLOCK) @ matrix.T).view(x.shape)
    strips = _strips(x)
    if not _may_write_out():
        tiles = _both_products(matrix, strips, c)
    else:
        tiles = strips if inplace else torch.empty_like(strips)
        for some in _in_cache(strips):
            _both_products(matrix, strips[some], c, out=tiles[some])
    return tiles.view(n, height, width, c).permute(0, 3, 1, 2)


def _may_write_out() -> bool:
    """Whether results may be written into given memory: not while autograd or a transform of torch.func looks on."""
    return not (torch.is_grad_enabled() or torch._C._are_functorch_transforms_active())


def _strips(x: Tensor) -> Tensor:
    """Block rows in channels-last memory: (n, c, 8X, 8Y) as (n·X, 8, 8Y·c)."""
    return x.permute(0, 2, 3, 1).reshape(-1, BLOCK, x.shape[3] * x.shape[1])


def _both_products(matrix: Tensor, strips: Tensor, channels: int, out: Tensor | None = None) -> Tensor:
    """Multiply the tiles of block rows from both sides: (m, 8, 8Y·c) → (m, 8, 8Y·c); `out` may be `strips`."""
    rows = _left_product(matrix, strips).view(-1, BLOCK, channels)
    tiles = _left_product(matrix, rows, None if out is None else out.view(-1, BLOCK, channels))
    return tiles.view(strips.shape)


def _left_product(matrix: Tensor, stack: Tensor, out: Tensor | None = None) -> Tensor:
    # bmm, not matmul: matmul folds the stack by a transposed copy as soon as it requires a gradient.
    with _own_dtype(stack):
        return torch.bmm(matrix.expand(len(stack), BLOCK, BLOCK), stack, out=out)


def _own_dtype(x: Tensor) -> AbstractContextManager[None]:
    """Keep autocast out: a change of basis has the dtype of what it changes."""
    kind = x.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def _in_cache(strips: Tensor) -> Iterator[slice]:
    """Cut block rows into runs whose intermediate results stay in a core's cache; other devices take all at once."""
    fitting = _CACHED_ELEMENTS // (strips.shape[1] * strips.shape[2])
    step = max(1, fitting if strips.device.type == "cpu" else len(strips))
    for start in range(0, len(strips), step):
        yield slice(start, start + step)


def transform_blocks(pixels: Tensor, *, inplace: bool = False) -> Tensor:
    """Transform every 8×8 tile, I'_{αβ} = Σ d_{αm} d_{βn} I_{mn} (eq. 5, two one-dimensional products).

    Args:
        pixels: (n, c, 8X, 8Y) floating point.
        inplace: Whether the pixels' memory may be written over; without effect where autograd needs them.

    Returns:
        (n, c, 8X, 8Y) coefficients in place; channels-last in memory from 8 channels on.
    """
    return _separable(pixels, _basis(pixels.dtype, pixels.device), inplace=inplace)


def inverse_blocks(coefficients: Tensor) -> Tensor:
    """Invert `transform_blocks`, I_{mn} = Σ d_{αm} d_{βn} I'_{αβ}.

    Args:
        coefficients: (n, c, 8X, 8Y) in place, floating point.

    Returns:
        (n, c, 8X, 8Y) pixels of the whole blocks; channels-last in memory from 8 channels on.
    """
    return _separable(coefficients, _basis(coefficients.dtype, coefficients.device).T)


def encode(pixels: Tensor, *, inplace: bool = False) -> Activation:
    """Apply J: pixels to coefficients at orthonormal scaling, without level shift or rounding (eq. 3).

    Args:
        pixels: (n, c, h, w) floating point, any h and w ≥ 1.
        inplace: Whether the pixels' memory may be written over; without effect where autograd needs them.

    Returns:
        The activation of extent (h, w).

    Raises:
        InputError: If `pixels` is not a floating-point tensor of four axes.
    """
    if not isinstance(pixels, Tensor) or pixels.dim() != 4 or not pixels.is_floating_point():
        raise InputError(f"encode takes a floating-point tensor (n, c, h, w); got {_describe(pixels)}")
    extent = Extent(*pixels.shape[2:])
    if not extent.whole:
        height, width = extent.canvas
        pixels = F.pad(pixels, (0, width - extent.width, 0, height - extent.height))
    return Activation(transform_blocks(pixels, inplace=inplace), extent)


def decode(activation: Activation, *, frequencies: Frequencies = 15) -> Tensor:
    """Apply J̃: coefficients to pixels (eq. 10), from the lowest spatial frequencies or from all.

    Args:
        activation: Coefficients and extent.
        frequencies: 1…15; only coefficients with α+β < frequencies are read, 15 reads all; or a tensor, as in
            `functional.low_pass`.

    Returns:
        (n, c, h, w) pixels, h and w those of the extent.

    Raises:
        InputError: If `activation` is not an `Activation`.
    """
    if not isinstance(activation, Activation):
        raise InputError(f"decode takes an Activation; got {_describe(activation)}")
    pixels = inverse_blocks(low_pass(activation.coefficients, frequencies))
    return pixels[:, :, : activation.extent.height, : activation.extent.width]


def map_pixels(
    x: Activation,
    function: Callable[..., Tensor],
    *,
    frequencies: Sequence[Frequencies] = (15,),
    inplace: bool = False,
) -> Activation:
    """Apply a function of single pixels, J∘f∘J̃; without gradients, a few block rows at a time in cache.

    Args:
        x: The activation.
        function: Takes one tensor of pixels per entry of `frequencies` and returns their like. It may depend on the
            channel, not on a pixel's place: it can be handed any block rows, (m, c, 8, w).
        frequencies: Of the reconstructions that the function is given, each as in `low_pass`; 15 is exact.
        inplace: Whether the activation's memory may be written over; without effect while gradients are recorded.

    Returns:
        An activation of the same extent.

    Raises:
        ValueError: If a number of frequencies is outside 1…15.
    """
    coefficients, extent = x.coefficients, x.extent
    n, c, height, width = coefficients.shape
    for kept in frequencies:
        _check_frequencies(kept)
    if not _may_write_out() or c < _FEW_CHANNELS or any(isinstance(kept, Tensor) for kept in frequencies):
        return encode(function(*(decode(x, frequencies=kept) for kept in frequencies)))
    basis = _basis(x.dtype, x.device)
    strips = _strips(coefficients)
    result = strips if inplace else torch.empty_like(strips)
    for some in _in_cache(strips):
        pixels = []
        for kept in frequencies:
            tiles = strips[some]
            if kept < 15:
                mask = _kept(kept, x.dtype, x.device).repeat(1, width // BLOCK).view(BLOCK, width, 1)
                tiles = (tiles.view(-1, BLOCK, width, c) * mask).view(tiles.shape)
            tiles = _both_products(basis.T, tiles, c)
            pixels.append(tiles.view(-1, BLOCK, width, c).permute(0, 3, 1, 2))
        mapped = function(*pixels).permute(0, 2, 3, 1)
        if not extent.whole:
            mapped = mapped.contiguous()
            last = extent.blocks[0] - 1
            # The strip that ends an image comes every X strips, wherever this run of them starts.
            mapped[(last - some.start) % (last + 1) :: last + 1, extent.height - BLOCK * last :] = 0
            mapped[:, :, extent.width :] = 0
        _both_products(basis, mapped.reshape(strips[some].shape), c, out=result[some])
    return Activation(result.view(n, height, width, c).permute(0, 3, 1, 2), extent)


def _check_frequencies(frequencies: Frequencies) -> Frequencies:
    # Reading a tensor would wait for the device, and is impossible under vmap.
    if not isinstance(frequencies, Tensor) and not 1 <= frequencies <= 15:
        raise ValueError(f"frequencies is 1…15, got {frequencies}")
    return frequencies


def low_pass(coefficients: Tensor, frequencies: Frequencies) -> Tensor:
    """Keep the spatial frequencies α+β < frequencies of every block (Ehrlich & Davis, section 4.2).

    Args:
        coefficients: (n, c, 8X, 8Y) in place.
        frequencies: 1…15; 15 keeps all 64 coefficients and returns the tensor itself. A tensor without axes stands for
            a number that is known on the device only: under ``torch.func.vmap``, one for each of several networks.

    Returns:
        (n, c, 8X, 8Y).

    Raises:
        ValueError: If `frequencies` is outside 1…15.
    """
    _check_frequencies(frequencies)
    height, width = coefficients.shape[2:]
    if isinstance(frequencies, Tensor):
        kept = (_frequency_index(coefficients.device) < frequencies).to(coefficients.dtype)
    elif frequencies < 15:
        kept = _kept(frequencies, coefficients.dtype, coefficients.device)
    else:
        return coefficients
    return coefficients * kept.repeat(height // BLOCK, width // BLOCK)


def constant_image(extent: Extent, *, dtype: torch.dtype = torch.float64, device: torch.device | None = None) -> Tensor:
    """Transform the image of ones of an extent: 8 on DC for whole blocks, a fixed pattern on partial ones.

    Args:
        extent: Height and width in pixels.
        dtype: Of the result.
        device: Of the result.

    Returns:
        (8X, 8Y) coefficients in place.
    """
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
        extent: Height and width in pixels; the shift reaches only pixels inside it.
        scale: (c,) factors a, or None for 1.
        shift: (c,) pixel values b, or None for 0.
        inplace: Whether the coefficients may be written over; without effect while gradients are recorded.

    Returns:
        (n, c, 8X, 8Y) in the coefficients' dtype, a new tensor unless `inplace` or both are None.
    """
    inplace = inplace and not torch.is_grad_enabled()
    if scale is not None:
        factors = scale.view(-1, 1, 1)
        # Under autocast, the factors are wider than the coefficients.
        coefficients = coefficients.mul_(factors) if inplace else (coefficients * factors).to(coefficients.dtype)
    if shift is None:
        return coefficients
    if extent.whole and (scale is not None or inplace):
        # Only DC changes; the memory is ours to write into.
        coefficients[:, :, ::BLOCK, ::BLOCK] += BLOCK * shift.view(-1, 1, 1)
        return coefficients
    ones = constant_image(extent, dtype=coefficients.dtype, device=coefficients.device)
    # coefficients + shift·ones
    add = coefficients.addcmul_ if inplace else coefficients.addcmul
    return add(shift.to(coefficients.dtype).view(-1, 1, 1), ones)


def cut(coefficients: Tensor, extent: Extent) -> Tensor:
    """Zero the pixels outside the extent: J∘(restriction)∘J̃ on the last block row and column only.

    Args:
        coefficients: (n, c, 8X, 8Y) in place, 8X×8Y the canvas of the extent.
        extent: Height and width in pixels.

    Returns:
        (n, c, 8X, 8Y); the tensor itself if there are no partial blocks.
    """
    rows, columns = extent.height % BLOCK, extent.width % BLOCK
    if rows:
        matrix = _cut_axis(rows, coefficients.dtype, coefficients.device)
        with _own_dtype(coefficients):
            edge = torch.einsum("ab,ncbw->ncaw", matrix, coefficients[:, :, -BLOCK:])
        coefficients = torch.cat([coefficients[:, :, :-BLOCK], edge], dim=2)
    if columns:
        matrix = _cut_axis(columns, coefficients.dtype, coefficients.device)
        with _own_dtype(coefficients):
            edge = coefficients[:, :, :, -BLOCK:] @ matrix
        coefficients = torch.cat([coefficients[:, :, :, :-BLOCK], edge], dim=3)
    return coefficients


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and dtype {value.dtype}"
    return f"{type(value).__module__}.{type(value).__qualname__}"
