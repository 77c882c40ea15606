"""What is compared: a torchvision classifier behind pixels, frequency channels, or a gate."""

import copy
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import jpegdomain as jd
from experiments.frequency_channels.entries import NoisyEntry
from experiments.frequency_channels.variants import Variant
from experiments.lib.team import ALONE, Team
from jpegdomain.frequency import ChannelGate, adapt
from jpegdomain.geometry import BLOCK

__all__ = ["SMALL", "TRANSFORMER", "Classifier", "build", "operations", "plain"]

SMALL = "resnet10"
"""torchvision's ResNet with one basic block a stage, for experiments with many networks."""

TRANSFORMER = "vit_tiny"
"""torchvision's vision transformer with 8×8 patches and six layers of width 192: on channels, a patch is a block."""


class TeamGate(ChannelGate):
    """A gate that draws as a single process would, however many share a batch.

    Args:
        channels: As for `ChannelGate`.
        team: The processes.
    """

    def __init__(self, channels: int, team: Team) -> None:
        super().__init__(channels)
        self._team = team

    def drawn(self, margin: Tensor) -> Tensor:
        """Draw for the whole batch, and take the rows of this process's images."""
        like: dict[str, Any] = {"dtype": margin.dtype, "device": margin.device}
        return self._team.rows(lambda count: torch.rand(count, self.channels, **like), len(margin))


class Classifier(nn.Module):
    """From files to logits.

    Args:
        entry: Batches to normalised pixels or channels.
        gate: In front of the network, or None.
        network: Pixels or channels to logits.
    """

    def __init__(self, entry: nn.Module, gate: ChannelGate | None, network: nn.Module) -> None:
        super().__init__()
        self.entry, self.gate, self.network = entry, gate, network

    def forward(self, *parts: jd.JpegBatch) -> tuple[Tensor, Tensor | None]:
        """Classify the images of several batches as one.

        Returns:
            (n, classes) logits, and (n, 192) of 0 and 1, which channels the gate kept; None without a gate.
        """
        # The entry is neither trained nor rounded to half precision.
        with torch.no_grad(), torch.autocast(parts[0].device.type, enabled=False):
            joined = isinstance(self.entry, NoisyEntry)
            x = self.entry(*parts) if joined else torch.cat([self.entry(part) for part in parts])
            x = x.contiguous(memory_format=torch.channels_last)
        keep = None
        if self.gate is not None:
            x, keep = self.gate(x)
        return self.network(x), keep


def plain(model: str, classes: int, side: int) -> nn.Module:
    """Build a network on pixels with random weights.

    Args:
        model: A torchvision classifier's name, `SMALL` or `TRANSFORMER`.
        classes: Of the data.
        side: Of its images; only a transformer depends on it.

    Raises:
        SystemExit: If the transformer cannot divide its images into patches.
    """
    if model == TRANSFORMER:
        if side % BLOCK:
            raise SystemExit(f"--side: {TRANSFORMER} takes multiples of {BLOCK}, got {side}")
        return torchvision.models.VisionTransformer(side, BLOCK, 6, 3, 192, 768, num_classes=classes)
    if model == SMALL:
        return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], classes)
    return torchvision.models.get_model(model, weights=None, num_classes=classes)


def build(
    variant: Variant,
    entry: nn.Module,
    model: str,
    classes: int,
    seed: int,
    side: int,
    layer2_stride: int = 2,
    team: Team = ALONE,
) -> Classifier:
    """Build a network with random weights; what variants have in common starts from the same weights.

    Args:
        variant: What it is fed with.
        entry: Its first layer.
        model: As for `plain`.
        classes: Of the data.
        seed: Of the weights.
        side: Of the images of a network on pixels.
        layer2_stride: As for `adapt`, for networks on frequency channels.
        team: The processes that train it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = plain(model, classes, side)
        if variant.selection is not None:
            network = adapt(network, variant.channels, layer2_stride=layer2_stride, design=variant.design)
        gate = TeamGate(variant.channels, team) if variant.gated else None
    return Classifier(entry, gate, network.to(memory_format=torch.channels_last))


def operations(network: nn.Module, channels: int, side: int) -> int:
    """Count the operations for one image, a multiplication and an addition as two; without gate and entry.

    Args:
        network: Of a `Classifier`.
        channels: How many it takes; 0 for pixels.
        side: Of the image that pixels or channels are taken from.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    shape = (channels, -(-side // BLOCK), -(-side // BLOCK)) if channels else (3, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, *shape, device="meta"))
    return counter.get_total_flops()
