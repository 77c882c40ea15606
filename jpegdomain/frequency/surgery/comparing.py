"""`compare`: what the surgery changed, in weights, parameters and operations."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from jpegdomain.frequency.channel_set import ChannelSet

from .adapting import stem_stride

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """A network on RGB beside the same after surgery.

    Attributes:
        fresh: State-dict keys that were initialised anew: not the model's, or of another shape.
        dropped: The model's state-dict keys that went with the stem.
        parameters: Of both: on RGB, on channels.
        operations: Of both, for one image: floating-point operations of convolutions and matrix products, a
            multiplication and an addition counted as two.
    """

    fresh: tuple[str, ...]
    dropped: tuple[str, ...]
    parameters: tuple[int, int]
    operations: tuple[int, int]

    @property
    def parameter_ratio(self) -> float:
        """Parameters on channels over those on RGB."""
        return self.parameters[1] / self.parameters[0]

    @property
    def operation_ratio(self) -> float:
        """Operations on channels over those on RGB."""
        return self.operations[1] / self.operations[0]

    def __str__(self) -> str:
        (rgb, ours), (before, after) = self.parameters, self.operations
        return (
            f"parameters {rgb:,} → {ours:,} ({self.parameter_ratio:.4f}), "
            f"operations {before:,} → {after:,} ({self.operation_ratio:.4f}); "
            f"dropped: {', '.join(self.dropped)}; fresh: {', '.join(self.fresh) or 'none'}"
        )


def compare(
    model: nn.Module, adapted: nn.Module, channels: int | ChannelSet, extent: tuple[int, int] = (224, 224)
) -> Comparison:
    """Count what a network costs on RGB and on channels.

    No image is computed: both networks are run on shapes alone.

    Args:
        model: On RGB, as it was given to `adapt`.
        adapted: What `adapt` gave.
        channels: That it was adapted to.
        extent: Height and width of the RGB image; the channels are those of an image `image_scale` times as large.

    Returns:
        Keys, parameters and operations of both.
    """
    count = channels if isinstance(channels, int) else len(channels)
    stride = stem_stride(model)
    grid = [math.ceil(side / stride) for side in extent]
    before, after = model.state_dict(), adapted.state_dict()
    return Comparison(
        tuple(key for key in after if key not in before or after[key].shape != before[key].shape),
        tuple(key for key in before if key not in after),
        (_parameters(model), _parameters(adapted)),
        (_operations(model, (3, *extent)), _operations(adapted, (count, *grid))),
    )


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _operations(model: nn.Module, shape: tuple[int, ...]) -> int:
    shadow = copy.deepcopy(model).to("meta").eval()
    dtype = next(shadow.parameters()).dtype
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, *shape, dtype=dtype, device="meta"))
    return counter.get_total_flops()
