"""J and J̃ on tensors, by whichever way can run: compiled or as matrix products; both with gradients of any order."""

from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad

from jpegdomain.geometry import Extent

from . import operators
from .cpu import Pieces, launch, takes
from .reference import Frequencies, basis, low_pass, separable

__all__ = ["from_coefficients", "is_followed", "masked", "to_coefficients"]


def to_coefficients(pixels: Tensor, extent: Extent, *, inplace: bool = False) -> Tensor:
    """Apply J; the tiles' pixels outside the extent are zero.

    Args:
        pixels: (n, c, h, w) floating point.
        extent: Its h and w.
        inplace: Whether the pixels' memory may be written over; without effect while gradients are recorded.

    Returns:
        (n, c, 8X, 8Y) in place; channels-last in memory from 8 channels on.
    """
    if takes(pixels):
        if is_followed(pixels):
            return _ToCoefficients.apply(pixels, extent)
        return launch(pixels, extent, from_pixels=True, to_pixels=False, inplace=inplace)
    if operators.takes(pixels):
        return operators.to_coefficients(pixels)
    if not extent.whole:
        height, width = extent.canvas
        pixels = F.pad(pixels, (0, width - extent.width, 0, height - extent.height))
    return separable(pixels, basis(pixels.dtype, pixels.device), inplace=inplace)


def from_coefficients(coefficients: Tensor, extent: Extent, frequencies: Frequencies = 15) -> Tensor:
    """Apply J̃.

    Args:
        coefficients: (n, c, 8X, 8Y) in place, floating point.
        extent: Of the pixels that are wanted.
        frequencies: As in `low_pass`.

    Returns:
        (n, c, h, w) pixels; channels-last in memory from 8 channels on.
    """
    if takes(coefficients):
        if isinstance(frequencies, Tensor):
            coefficients, frequencies = low_pass(coefficients, frequencies), 15
        if is_followed(coefficients):
            return _FromCoefficients.apply(coefficients, extent, frequencies)
        return launch(coefficients, extent, from_pixels=False, to_pixels=True, frequencies=frequencies)
    if operators.takes(coefficients) and not isinstance(frequencies, Tensor):
        return operators.from_coefficients(coefficients, *extent, frequencies)
    kept = low_pass(coefficients, frequencies)
    pixels = separable(kept, basis(kept.dtype, kept.device).T)
    return pixels[:, :, : extent.height, : extent.width]


def masked(value: Tensor, deciding: Tensor, extent: Extent, pieces: Pieces, frequencies: int) -> Tensor:
    """Apply J∘(pieces)∘J̃, the pieces chosen by the lowest frequencies of another tensor; with gradients.

    Args:
        value: (n, c, 8X, 8Y) coefficients that `cpu.takes` accepts.
        deciding: Likewise; no gradient flows into it, the pieces' borders have none.
        extent: Of both.
        pieces: The function.
        frequencies: 1…15.

    Returns:
        (n, c, 8X, 8Y), by `extent` cut.
    """
    return _Masked.apply(value, deciding, extent, pieces, frequencies)


def is_followed(x: Tensor) -> bool:
    """Tell whether gradients, backward or forward, are to flow through a result.

    Args:
        x: What it is made of.

    Returns:
        Whether they are.
    """
    return (torch.is_grad_enabled() and x.requires_grad) or forward_ad._current_level >= 0


def _out_of_place() -> AbstractContextManager[None]:
    """Keep matrix products from writing into given memory: a backward pass may be one of several under vmap."""
    return torch.enable_grad()


class _ToCoefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, extent: Extent) -> Tensor:
        ctx.extent = extent
        return launch(pixels, extent, from_pixels=True, to_pixels=False)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        # D is orthonormal: the transpose is the inverse, cut to the extent.
        with _out_of_place():
            return from_coefficients(gradient, ctx.extent), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _extent: None) -> Tensor:
        return to_coefficients(tangent, ctx.extent)


class _FromCoefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, extent: Extent, frequencies: int) -> Tensor:
        ctx.extent, ctx.frequencies = extent, frequencies
        return launch(coefficients, extent, from_pixels=False, to_pixels=True, frequencies=frequencies)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        with _out_of_place():
            return low_pass(to_coefficients(gradient, ctx.extent), ctx.frequencies), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _extent: None, _frequencies: None) -> Tensor:
        return from_coefficients(tangent, ctx.extent, ctx.frequencies)


class _Masked(torch.autograd.Function):
    """Linear in its value, and its own transpose: J∘(mask)∘J̃ is symmetric."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, deciding: Tensor, extent: Extent, pieces: Pieces, frequencies: int) -> Tensor:
        ctx.save_for_backward(deciding)
        ctx.save_for_forward(deciding)
        ctx.rest = extent, pieces._replace(below=0.0, above=0.0), frequencies
        return launch(
            value,
            extent,
            from_pixels=False,
            to_pixels=False,
            frequencies=frequencies,
            pieces=pieces,
            deciding=None if value is deciding and frequencies == 15 else deciding,
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (deciding,) = ctx.saved_tensors
        with _out_of_place():
            return _masked_gradient(gradient, deciding.detach(), *ctx.rest), None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_rest: None) -> Tensor:
        (deciding,) = ctx.saved_tensors
        return _masked_gradient(tangent, deciding.detach(), *ctx.rest)


def _masked_gradient(gradient: Tensor, deciding: Tensor, extent: Extent, pieces: Pieces, frequencies: int) -> Tensor:
    if takes(gradient, deciding):
        return masked(gradient, deciding, extent, pieces, frequencies)
    approximation = from_coefficients(deciding, extent, frequencies)
    inside = (approximation > pieces.low) & (approximation < pieces.high)
    return to_coefficients(torch.where(inside, from_coefficients(gradient, extent), 0), extent)
