"""J, J̃ and the mask on tensors, each by the first backend that supports them."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd import forward_ad

from jpegdomain.geometry import Extent

from . import cpu, graph, reference
from .gradients import Rule, gradient_rules, with_source
from .protocol import Backend, Clamp, Frequencies, Mask
from .reference import low_pass

__all__ = ["backend", "forward", "inverse", "masked"]


def backend(*tensors: Tensor) -> Backend:
    """Choose the backend for tensors of one dtype, (n, c, h, w)."""
    if cpu.supports(*tensors):
        return _RECORDED if _is_followed(tensors[0]) else cpu
    return graph if graph.supports(*tensors) else reference


def forward(pixels: Tensor, *, inplace: bool = False) -> Tensor:
    """Apply J: (n, c, h, w) pixels → (n, c, 8X, 8Y) coefficients, as `Backend.forward`."""
    return backend(pixels).forward(pixels, inplace=inplace)


def inverse(coefficients: Tensor, extent: Extent, frequencies: Frequencies = 15, *, inplace: bool = False) -> Tensor:
    """Apply J̃: (n, c, 8X, 8Y) coefficients → (n, c, h, w) pixels, as `Backend.inverse`."""
    if isinstance(frequencies, Tensor):
        coefficients, frequencies = low_pass(coefficients, frequencies), 15
    return backend(coefficients).inverse(coefficients, extent, frequencies, inplace=inplace)


def masked(value: Tensor, mask: Mask, extent: Extent) -> Tensor:
    """Apply J∘clamp∘J̃, as `Backend.masked`."""
    return backend(value, *([] if mask.source is None else [mask.source])).masked(value, mask, extent)


def _is_followed(x: Tensor) -> bool:
    """Whether gradients, backward or forward, are recorded for what is computed from a tensor."""
    return (torch.is_grad_enabled() and x.requires_grad) or forward_ad._current_level >= 0


def _function(
    name: str, compute: Callable[..., Tensor], rule: Rule, tangent: Callable[..., Tensor]
) -> Callable[..., Tensor]:
    """Make an autograd function from a computation without gradients."""

    def run(ctx: Any, *arguments: Any) -> Tensor:
        result = compute(*arguments)
        rule.setup_context(ctx, arguments, result)
        return result

    def backward(ctx: Any, gradient: Tensor) -> Any:
        # If gradients are recorded, the reference does not write into existing memory: this may run under vmap.
        with torch.enable_grad():
            return rule.backward(ctx, gradient)

    members = {"forward": run, "backward": backward, "jvp": tangent}
    made = type(name, (torch.autograd.Function,), {key: staticmethod(value) for key, value in members.items()})
    return made.apply  # type: ignore[attr-defined]


_forward_rule, _inverse_rule, _masked_rule = gradient_rules(
    forward,
    lambda coefficients, height, width, frequencies: inverse(coefficients, Extent(height, width), frequencies),
    lambda value, source, height, width, clamp, frequencies: masked(
        value, Mask(source, Clamp(*clamp), frequencies), Extent(height, width)
    ),
)


_record_forward = _function("Forward", cpu.forward, _forward_rule, lambda _ctx, tangent: forward(tangent))
_record_inverse = _function(
    "Inverse",
    lambda coefficients, height, width, frequencies: cpu.inverse(coefficients, Extent(height, width), frequencies),
    _inverse_rule,
    lambda ctx, tangent, *_settings: inverse(tangent, Extent(*ctx.size), ctx.frequencies),
)
_record_masked = _function(
    "Masked",
    lambda value, source, height, width, clamp, frequencies: cpu.masked(
        value, Mask(source, clamp, frequencies), Extent(height, width)
    ),
    _masked_rule,
    lambda ctx, tangent, *_settings: _masked_rule.backward(ctx, tangent)[0],
)


class _Recorded:
    """The compiled kernels with recorded gradients, backward or forward, of any order."""

    def supports(self, *tensors: Tensor) -> bool:
        return cpu.supports(*tensors) and _is_followed(tensors[0])

    def forward(self, pixels: Tensor, *, inplace: bool = False) -> Tensor:  # noqa: ARG002
        return _record_forward(pixels)

    def inverse(
        self,
        coefficients: Tensor,
        extent: Extent,
        frequencies: int = 15,
        *,
        inplace: bool = False,  # noqa: ARG002
    ) -> Tensor:
        return _record_inverse(coefficients, *extent, frequencies)

    def masked(self, value: Tensor, mask: Mask, extent: Extent, *, inplace: bool = False) -> Tensor:  # noqa: ARG002
        value, source = with_source(value, mask)
        return _record_masked(value, source, *extent, mask.clamp, mask.frequencies)


_RECORDED: Final = _Recorded()
