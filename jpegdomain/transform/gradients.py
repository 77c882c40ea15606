"""The gradients of J, J̃ and the mask, which consist of the same maps: D is orthonormal, J∘mask∘J̃ symmetric."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from .protocol import Mask
from .reference import low_pass

__all__ = ["Rule", "gradient_rules", "with_source"]


class Rule(NamedTuple):
    """What ``torch.autograd.Function`` and ``torch.library`` both need."""

    setup_context: Callable[..., None]
    backward: Callable[..., Any]


def with_source(value: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
    """Return a value and its mask's source; if there is no source, both are the value's lowest frequencies."""
    if mask.source is not None:
        return value, mask.source
    kept = low_pass(value, mask.frequencies)
    return kept, kept


def gradient_rules(
    forward: Callable[..., Tensor], inverse: Callable[..., Tensor], masked: Callable[..., Tensor]
) -> tuple[Rule, Rule, Rule]:
    """Derive the gradients of three maps from the maps.

    Args:
        forward: Maps pixels to coefficients.
        inverse: Maps (coefficients, height, width, frequencies) to pixels.
        masked: Maps (value, mask source, height, width, clamp, frequencies) to coefficients.

    Returns:
        The gradients, for functions of these arguments.
    """

    def keep_size(ctx: Any, inputs: Any, output: Tensor) -> None:  # noqa: ARG001
        ctx.size = inputs[0].shape[2:]

    def of_forward(ctx: Any, gradient: Tensor) -> Tensor:
        return inverse(gradient, *ctx.size, 15)

    def keep_settings(ctx: Any, inputs: Any, output: Tensor) -> None:  # noqa: ARG001
        _, *ctx.size, ctx.frequencies = inputs

    def of_inverse(ctx: Any, gradient: Tensor) -> Any:
        return low_pass(forward(gradient), ctx.frequencies), None, None, None

    def keep_mask_source(ctx: Any, inputs: Any, output: Tensor) -> None:  # noqa: ARG001
        _, mask_source, *ctx.size, clamp, ctx.frequencies = inputs
        ctx.clamp = [*clamp[:2], 0.0, 0.0]
        ctx.save_for_backward(mask_source)
        ctx.save_for_forward(mask_source)

    def of_masked(ctx: Any, gradient: Tensor) -> Any:
        (mask_source,) = ctx.saved_tensors
        return masked(gradient, mask_source.detach(), *ctx.size, ctx.clamp, ctx.frequencies), *[None] * 5

    return Rule(keep_size, of_forward), Rule(keep_settings, of_inverse), Rule(keep_mask_source, of_masked)
