"""The compiled transforms as torch operators: what torch.compile puts into its graphs, where it cannot look inside."""

from typing import Any

import torch
from torch import Tensor

from jpegdomain.geometry import BLOCK, Extent

from .cpu import DTYPES, FEWEST_CHANNELS, Pieces, launch
from .reference import low_pass

__all__ = ["from_coefficients", "masked", "takes", "to_coefficients"]


def takes(*tensors: Tensor) -> bool:
    """Tell whether a graph that is being compiled should call the operators: for the CPU, and not for export.

    On other devices, torch's own operations are what a compiler can fuse.

    Args:
        *tensors: (n, c, h, w).

    Returns:
        False outside torch.compile, too.
    """
    if not torch.compiler.is_compiling() or _is_exporting() or torch._C._are_functorch_transforms_active():
        return False
    return all(x.device.type == "cpu" and x.dtype in DTYPES and x.shape[1] >= FEWEST_CHANNELS for x in tensors)


def _is_exporting() -> bool:
    # torch.compiler.is_exporting says yes under torch.compile, too; older versions of torch do not tell them apart.
    return bool(getattr(torch.compiler, "_is_exporting_flag", False))


@torch.library.custom_op("jpegdomain::to_coefficients", mutates_args=(), device_types="cpu")
def to_coefficients(pixels: Tensor) -> Tensor:
    """Apply J to (n, c, h, w) pixels.

    Args:
        pixels: As `cpu.takes` accepts them.

    Returns:
        (n, c, 8X, 8Y).
    """
    return launch(pixels, Extent(*pixels.shape[2:]), from_pixels=True, to_pixels=False)


@to_coefficients.register_fake
def _(pixels: Tensor) -> Tensor:
    height, width = (-(-size // BLOCK) * BLOCK for size in pixels.shape[2:])
    return _like(pixels, height, width)


@torch.library.custom_op("jpegdomain::from_coefficients", mutates_args=(), device_types="cpu")
def from_coefficients(coefficients: Tensor, height: int, width: int, frequencies: int) -> Tensor:
    """Apply J̃ to the lowest frequencies of (n, c, 8X, 8Y) coefficients.

    Args:
        coefficients: As `cpu.takes` accepts them.
        height: Of the extent.
        width: Of the extent.
        frequencies: 1…15.

    Returns:
        (n, c, height, width).
    """
    extent = Extent(height, width)
    return launch(coefficients, extent, from_pixels=False, to_pixels=True, frequencies=frequencies)


@from_coefficients.register_fake
def _(coefficients: Tensor, height: int, width: int, *_settings: Any) -> Tensor:
    return _like(coefficients, height, width)


# Spelt out: before torch 2.7 the annotation of a list is not understood.
@torch.library.custom_op(
    "jpegdomain::masked",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor value, Tensor deciding, int height, int width, float[] pieces, int frequencies) -> Tensor",
)
def masked(value: Tensor, deciding: Tensor, height: int, width: int, pieces: list[float], frequencies: int) -> Tensor:
    """Apply J∘(pieces)∘J̃ to (n, c, 8X, 8Y) coefficients, the pieces chosen by the lowest frequencies of `deciding`.

    Args:
        value: As `cpu.takes` accepts them.
        deciding: Likewise.
        height: Of the extent.
        width: Of the extent.
        pieces: low, high, below, above.
        frequencies: 1…15.

    Returns:
        (n, c, 8X, 8Y).
    """
    return launch(
        value,
        Extent(height, width),
        from_pixels=False,
        to_pixels=False,
        frequencies=frequencies,
        pieces=Pieces(*pieces),
        deciding=deciding,
    )


@masked.register_fake
def _(value: Tensor, *_settings: Any) -> Tensor:
    return _like(value, *value.shape[2:])


def _like(x: Tensor, height: Any, width: Any) -> Tensor:
    return x.new_empty((*x.shape[:2], height, width)).contiguous(memory_format=torch.channels_last)


def _keep_pixels(ctx: Any, inputs: Any, **_output: Tensor) -> None:
    ctx.size = inputs[0].shape[2:]


def _pixel_gradient(ctx: Any, gradient: Tensor) -> Tensor:
    return from_coefficients(gradient, *ctx.size, 15)


def _keep_extent(ctx: Any, inputs: Any, **_output: Tensor) -> None:
    _, *ctx.size, ctx.frequencies = inputs


def _coefficient_gradient(ctx: Any, gradient: Tensor) -> Any:
    return low_pass(to_coefficients(gradient), ctx.frequencies), None, None, None


def _keep_deciding(ctx: Any, inputs: Any, **_output: Tensor) -> None:
    _, deciding, *ctx.size, pieces, ctx.frequencies = inputs
    ctx.pieces = [*pieces[:2], 0.0, 0.0]
    ctx.save_for_backward(deciding)


def _value_gradient(ctx: Any, gradient: Tensor) -> Any:
    (deciding,) = ctx.saved_tensors
    return masked(gradient, deciding.detach(), *ctx.size, ctx.pieces, ctx.frequencies), *[None] * 5


to_coefficients.register_autograd(_pixel_gradient, setup_context=_keep_pixels)
from_coefficients.register_autograd(_coefficient_gradient, setup_context=_keep_extent)
masked.register_autograd(_value_gradient, setup_context=_keep_deciding)
