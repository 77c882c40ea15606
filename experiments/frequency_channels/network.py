"""The networks that are compared: one torchvision classifier behind pixels, frequency channels, or a gate."""

import torch
import torchvision
from torch import Tensor, nn

import jpegdomain as jd
from experiments.frequency_channels.variants import Variant
from jpegdomain.frequency import ChannelGate, adapt

__all__ = ["Classifier", "build"]


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

    def forward(self, batch: jd.JpegBatch) -> tuple[Tensor, Tensor | None]:
        """Classify.

        Args:
            batch: From `jpegdomain.collate`.

        Returns:
            (n, classes) logits, and (n, 192) of 0 and 1, which channels the gate kept; None without a gate.
        """
        # Nothing before the network is trained, nor rounded to half precision.
        with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
            x = self.entry(batch).contiguous(memory_format=torch.channels_last)
        keep = None
        if self.gate is not None:
            x, keep = self.gate(x)
        return self.network(x), keep


def build(variant: Variant, entry: nn.Module, model: str, classes: int, seed: int) -> Classifier:
    """Draw a network. What variants have in common begins with the same weights.

    Args:
        variant: What it is fed with.
        entry: Its first layer.
        model: A torchvision classifier's name.
        classes: Of the data.
        seed: Of the weights.

    Returns:
        The network, channels-last in memory.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torchvision.models.get_model(model, weights=None, num_classes=classes)
        if variant.selection is not None:
            network = adapt(network, len(variant.selection))
        gate = None if variant.target is None else ChannelGate(len(variant.selection or ()))
    return Classifier(entry, gate, network.to(memory_format=torch.channels_last))
