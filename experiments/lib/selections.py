"""Frequency channels chosen by different rules, in growing numbers, which `experiments.frequency_exact` compares."""

from dataclasses import dataclass

from torch import Tensor

from jpegdomain.frequency import LEARNED_24, ChannelSet, all_channels, square, top, triangle
from jpegdomain.tables import ZIGZAG

__all__ = ["COUNTS", "RULES", "Selection", "selections"]

RULES = {
    "square": "squares (S)",
    "triangle": "triangles (T)",
    "learned": "learned set (D)",
    "zigzag": "zigzag, Y, Cb and Cr alike",
    "luma": "zigzag, all of Y first",
    "energy": "largest variance",
}
"""Rule → its title."""

COUNTS = (8, 16, 24, 32, 48, 64, 96, 128, 160)
"""Numbers of channels to keep, for the rules that give an order."""

_PUBLISHED = (6, 12, 24, 32, 48, 64)


@dataclass(frozen=True)
class Selection:
    """One setting.

    Args:
        rule: One of `RULES`, or 'all'.
        kept: The kept channels.
    """

    rule: str
    kept: ChannelSet

    @property
    def key(self) -> str:
        """Key of the setting in a result."""
        return f"{self.rule}-{len(self.kept)}"


def selections(variance: Tensor) -> list[Selection]:
    """List every setting, all 192 channels first.

    - square, triangle, learned: the sets of Xu et al. (CVPR 2020).
    - zigzag: frequencies in zigzag order, each for Y, Cb and Cr: low spatial frequencies α+β of all components alike.
    - luma: the frequencies of Y in zigzag order, then those of Cb and Cr, alternately.
    - energy: the channels of the largest variance over the data.
    """
    frequencies = [int(frequency) for frequency in ZIGZAG]
    zigzag = [64 * component + frequency for frequency in frequencies for component in range(3)]
    chroma = [64 * component + frequency for frequency in frequencies for component in (1, 2)]
    orders = {
        "zigzag": zigzag,
        "luma": [*frequencies, *chroma],
    }
    found = [Selection("all", all_channels())]
    found += [Selection("square", square(count)) for count in _PUBLISHED]
    found += [Selection("triangle", triangle(count)) for count in _PUBLISHED]
    found.append(Selection("learned", LEARNED_24))
    for rule, order in orders.items():
        found += [Selection(rule, ChannelSet.of_indices(order[:count])) for count in COUNTS]
    return found + [Selection("energy", top(variance, count)) for count in COUNTS]
