"""What is compared: a torchvision classifier behind pixels, frequency channels, or a gate."""

from dataclasses import dataclass
from typing import Literal

import torch
import torchvision
from torch import Tensor, nn

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, ChannelGate, ChannelSet, adapt, all_channels, published

__all__ = ["PIXELS", "Classifier", "Variant", "build", "variant"]

PIXELS: dict[str, Literal["rgb", "ycbcr"]] = {"RGB": "rgb", "YCbCr": "ycbcr"}
"""Variants that are fed with pixels → the channels of the pixels."""

_GATE = "gate-"


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Args:
        name: Of the row.
        selection: Frequency channels that the network takes; None where it takes pixels.
        target: Channels that a gate in front of the network should keep on average; None without a gate.
    """

    name: str
    selection: ChannelSet | None = None
    target: int | None = None


def variant(name: str) -> Variant:
    """Return a variant by name.

    Args:
        name: 'RGB', 'YCbCr', 'gate-N' for a gate that should keep N of the 192 channels, or a published set such as
            '24S' or 'DCT-192'.

    Raises:
        InputError: If there is none of that name.
    """
    if name in PIXELS:
        return Variant(name)
    if name.startswith(_GATE):
        number = name.removeprefix(_GATE)
        if not number.isdecimal() or not 1 <= int(number) <= CHANNELS:
            raise InputError(f"a gate's target is 1…{CHANNELS} channels, as in {_GATE}24; got {name!r}")
        return Variant(name, all_channels(), int(number))
    try:
        return Variant(name, published(name))
    except InputError as error:
        raise InputError(f"variants are RGB, YCbCr, {_GATE}N and the published sets: {error}") from error


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

        Returns:
            (n, classes) logits, and (n, 192) of 0 and 1, which channels the gate kept; None without a gate.
        """
        # The entry is neither trained nor rounded to half precision.
        with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
            x = self.entry(batch).contiguous(memory_format=torch.channels_last)
        keep = None
        if self.gate is not None:
            x, keep = self.gate(x)
        return self.network(x), keep


def build(variant: Variant, entry: nn.Module, model: str, classes: int, seed: int) -> Classifier:
    """Build a network with random weights; what variants have in common starts from the same ones.

    Args:
        variant: What it is fed with.
        entry: Its first layer.
        model: A torchvision classifier's name.
        classes: Of the data.
        seed: Of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torchvision.models.get_model(model, weights=None, num_classes=classes)
        if variant.selection is not None:
            network = adapt(network, len(variant.selection))
        gate = None if variant.target is None else ChannelGate(len(variant.selection or ()))
    return Classifier(entry, gate, network.to(memory_format=torch.channels_last))
