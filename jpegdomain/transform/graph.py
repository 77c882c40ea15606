"""The backend for torch.compile on a CPU: custom operators, since torch.compile cannot look into kernels."""

from typing import Any

import torch
from torch import Tensor

from jpegdomain.geometry import BLOCK, Extent

from . import cpu
from .gradients import gradient_rules, with_source
from .protocol import Clamp, Mask

__all__ = ["forward", "inverse", "masked", "supports"]


def supports(*tensors: Tensor) -> bool:
    """Return whether a graph for the CPU is being compiled, not exported; elsewhere torch's own operations are used."""
    if not torch.compiler.is_compiling() or _is_exporting() or torch._C._are_functorch_transforms_active():
        return False
    return all(x.device.type == "cpu" and cpu.can_vectorize(x) for x in tensors)


def _is_exporting() -> bool:
    # Older versions of torch do not distinguish export: there torch.compiler.is_exporting is true for compile, too.
    return bool(getattr(torch.compiler, "_is_exporting_flag", False))


def forward(pixels: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG001
    """Apply J, as `Backend.forward`."""
    return to_coefficients(pixels)


def inverse(coefficients: Tensor, extent: Extent, frequencies: int = 15, *, inplace: bool = False) -> Tensor:  # noqa: ARG001
    """Apply J̃, as `Backend.inverse`."""
    return from_coefficients(coefficients, *extent, frequencies)


def masked(value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:  # noqa: ARG001
    """Apply J∘clamp∘J̃, as `Backend.masked`."""
    value, source = with_source(value, mask)
    return clamped(value, source, *extent, list(mask.clamp), mask.frequencies)


@torch.library.custom_op("jpegdomain::to_coefficients", mutates_args=(), device_types="cpu")
def to_coefficients(pixels: Tensor) -> Tensor:
    """Apply J: (n, c, h, w) → (n, c, 8X, 8Y)."""
    return cpu.forward(pixels)


@to_coefficients.register_fake
def _(pixels: Tensor) -> Tensor:
    height, width = (-(-size // BLOCK) * BLOCK for size in pixels.shape[2:])
    return _like(pixels, height, width)


@torch.library.custom_op("jpegdomain::from_coefficients", mutates_args=(), device_types="cpu")
def from_coefficients(coefficients: Tensor, height: int, width: int, frequencies: int) -> Tensor:
    """Apply J̃ to the lowest frequencies: (n, c, 8X, 8Y) → (n, c, height, width)."""
    return cpu.inverse(coefficients, Extent(height, width), frequencies)


@from_coefficients.register_fake
def _(coefficients: Tensor, height: int, width: int, *_settings: Any) -> Tensor:
    return _like(coefficients, height, width)


# The schema is written out, since torch before 2.7 does not understand list annotations.
@torch.library.custom_op(
    "jpegdomain::masked",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor value, Tensor mask_source, int height, int width, float[] clamp, int frequencies) -> Tensor",
)
def clamped(
    value: Tensor, mask_source: Tensor, height: int, width: int, clamp: list[float], frequencies: int
) -> Tensor:
    """Apply J∘clamp∘J̃: (n, c, 8X, 8Y) → (n, c, 8X, 8Y); the lowest frequencies of `mask_source` choose the piece."""
    return cpu.masked(value, Mask(mask_source, Clamp(*clamp), frequencies), Extent(height, width))


@clamped.register_fake
def _(value: Tensor, *_settings: Any) -> Tensor:
    return _like(value, *value.shape[2:])


def _like(x: Tensor, height: Any, width: Any) -> Tensor:
    return x.new_empty((*x.shape[:2], height, width)).contiguous(memory_format=torch.channels_last)


for _operator, _rule in zip(
    (to_coefficients, from_coefficients, clamped),
    gradient_rules(to_coefficients, from_coefficients, clamped),
    strict=True,
):
    _operator.register_autograd(_rule.backward, setup_context=_rule.setup_context)
