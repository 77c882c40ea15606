"""What is compared: names of variants, such as '24S', 'gate-24' or 'DCT-192@0', and what they stand for."""

import random
import re
from dataclasses import dataclass
from typing import Literal

from jpegdomain.errors import InputError
from jpegdomain.frequency import CHANNELS, ChannelSet, all_channels, published
from jpegdomain.frequency.surgery import Design
from jpegdomain.geometry import BLOCK

__all__ = ["AUTHORS", "DESIGNS", "PIXELS", "TEMPERED", "Variant", "variant"]

PIXELS: dict[str, Literal["rgb", "ycbcr"]] = {"RGB": "rgb", "YCbCr": "ycbcr", "RGB-large": "rgb"}
"""Variants that are fed with pixels → the channels of the pixels."""

DESIGNS: dict[str, Design] = {
    "UpSampling": "upsampling",
    "UpSampling-RFA": "upsampling-rfa",
    "Deconvolution-RFA": "deconvolution-rfa",
    "Late-Concat-RFA": "late-concat-rfa",
    "Late-Concat-RFA-Thinner": "late-concat-rfa-thinner",
}
"""Variants by Gueguen et al. → how their channels enter; chroma has half of luma's resolution."""

AUTHORS, TEMPERED = "authors", "tempered"
"""Normalisations besides a floor: the constants of Xu et al.'s released networks, and the square root of the std."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Args:
        name: Of the row.
        selection: Frequency channels that the network takes; None where it takes pixels.
        target: Channels that a gate in front of the network should keep on average.
        per_channel: λ of Xu et al.'s eq. (2), the price of a channel that a gate keeps.
        learned: Whether the network is trained on the static set that the gate `gate` learned.
        noise: Channels of unit white noise that the network gets in addition.
        large: Whether pixels have the size of the images that frequency channels are taken from.
        normalisation: A floor in levels, `AUTHORS` or `TEMPERED`; None for the default floor.
        design: How channels enter the network.
    """

    name: str
    selection: ChannelSet | None = None
    target: int | None = None
    per_channel: float | None = None
    learned: bool = False
    noise: int = 0
    large: bool = False
    normalisation: float | str | None = None
    design: Design = "first-block"

    @property
    def gated(self) -> bool:
        """True if a gate is trained with the network."""
        return not self.learned and (self.target is not None or self.per_channel is not None)

    @property
    def gate(self) -> str:
        """The variant from whose gate a learned one takes its set."""
        return "gate-" + self.name.removeprefix("learned-")

    @property
    def channels(self) -> int:
        """Frequency channels, and noise, that the network takes; 0 for pixels."""
        return 0 if self.selection is None else len(self.selection) + self.noise

    @property
    def halved(self) -> bool:
        """True if chroma has half of luma's resolution."""
        return self.design != "first-block"

    @property
    def numbers_per_block(self) -> int:
        """Numbers that the network takes for each block of luma."""
        return CHANNELS // 2 if self.halved else self.channels

    def static(self, selection: ChannelSet) -> "Variant":
        """Return the variant of a learned set."""
        return Variant(self.name, selection, normalisation=self.normalisation)


def variant(name: str, seed: int = 0) -> Variant:
    """Return a variant by name.

    Args:
        name: One of

            - 'RGB', 'YCbCr' at the networks' own size, or 'RGB-large' at that of the images channels are taken from;
            - a published set such as '24S' or 'DCT-192', 'luma-N' for the N first of luma in zigzag order, or
              'random-N' for N drawn by the network's seed;
            - '24S+noise-N': a published set, and N channels of unit white noise;
            - 'UpSampling', 'UpSampling-RFA', 'Deconvolution-RFA', 'Late-Concat-RFA' or 'Late-Concat-RFA-Thinner': all
              channels of an image at the networks' own size, by Gueguen et al.;
            - 'gate-N': all channels behind a gate that should keep N, 'lambda-X': behind one that pays X a channel;
            - 'learned-N': the N channels that the gate of 'gate-N' keeps most often, trained from scratch.

            Those on frequency channels may end in '@' and how they are normalised: a floor of the standard deviations
            in levels ('@0': none), '@tempered' for their square roots, or '@authors'; but not those by Gueguen et al.,
            which a batch norm normalises.
        seed: Of the network.

    Raises:
        InputError: If there is none of that name.
    """
    if name in PIXELS:
        return Variant(name, large=name.endswith("-large"))
    if name in DESIGNS:
        return Variant(name, all_channels(), design=DESIGNS[name])
    plain, _, given = name.partition("@")
    normalisation = _normalisation(name, given) if "@" in name else None
    if found := re.fullmatch(r"(gate|learned)-(\d+)", plain):
        number = _number(found[2], name)
        return Variant(name, all_channels(), number, learned=found[1] == "learned", normalisation=normalisation)
    if found := re.fullmatch(r"lambda-(\d*\.?\d+(?:e-?\d+)?)", plain):
        return Variant(name, all_channels(), per_channel=float(found[1]), normalisation=normalisation)
    if found := re.fullmatch(r"random-(\d+)", plain):
        drawn = random.Random(seed).sample(range(CHANNELS), _number(found[1], name))
        return Variant(name, ChannelSet.of_indices(drawn, "row-major", plain), normalisation=normalisation)
    if found := re.fullmatch(r"luma-(\d+)", plain):
        number = _number(found[1], name, BLOCK * BLOCK)
        selection = ChannelSet(tuple(range(number)), order="zigzag", name=plain).in_order("row-major")
        return Variant(name, selection, normalisation=normalisation)
    base, _, noise = plain.partition("+noise-")
    try:
        selection = published(base)
    except InputError as error:
        raise InputError(
            f"variants are RGB, YCbCr, RGB-large, {', '.join(DESIGNS)}, gate-N, lambda-X, learned-N, random-N, luma-N "
            f"and the published sets: {error}"
        ) from error
    extra = _number(noise, name, 1000) if "+noise-" in plain else 0
    return Variant(name, selection, noise=extra, normalisation=normalisation)


def _number(text: str, name: str, most: int = CHANNELS) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InputError(f"the number of channels is 1…{most}, as in gate-24; got {name!r}")
    return int(text)


def _normalisation(name: str, text: str) -> float | str:
    if text in {AUTHORS, TEMPERED}:
        return text
    try:
        floor = float(text)
    except ValueError:
        floor = -1.0
    if not 0 <= floor < float("inf"):
        raise InputError(f"after '@' come a floor in levels, '{TEMPERED}' or '{AUTHORS}'; got {name!r}")
    return floor
