"""`ChannelSet`: which of the 192 frequency channels of Y, Cb and Cr are kept, and in which order they are stacked."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK
from jpegdomain.tables import ZIGZAG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CHANNELS", "COMPONENTS", "ORDERS", "ChannelSet", "Order", "renumbered"]

Order: TypeAlias = Literal["row-major", "zigzag"]
"""'row-major': 8·(vertical frequency) + horizontal frequency. 'zigzag': the position in the file, T.81 figure A.6."""

ORDERS: Final[tuple[Order, ...]] = ("row-major", "zigzag")

COMPONENTS: Final = ("Y", "Cb", "Cr")

_FREQUENCIES: Final = BLOCK * BLOCK
_ZIGZAG_POSITION: Final = np.argsort(ZIGZAG)

CHANNELS: Final = len(COMPONENTS) * _FREQUENCIES
"""192: all frequencies of three components."""


@dataclass(frozen=True)
class ChannelSet:
    """The frequencies of Y, Cb and Cr to keep.

    A channel is one frequency of one component, over the grid of 8×8 blocks. Kept channels are stacked Y first, then
    Cb, then Cr, each component's in ascending order of the numbers in `order`.

    Args:
        y: Frequencies of luma to keep, 0…63, numbered by `order`.
        cb: Frequencies of blue chroma to keep.
        cr: Frequencies of red chroma to keep.
        order: How the frequencies are numbered and stacked, 'row-major' or 'zigzag'.
        name: A name for tables and figures; it does not count when sets are compared.

    Raises:
        InputError: If a number is outside 0…63 or repeated, the order is unknown, or nothing is kept.
    """

    y: tuple[int, ...]
    cb: tuple[int, ...] = ()
    cr: tuple[int, ...] = ()
    order: Order = "row-major"
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise InputError(f"order must be 'row-major' or 'zigzag', got {self.order!r}")
        for component, name in zip(COMPONENTS, ("y", "cb", "cr"), strict=True):
            object.__setattr__(self, name, _checked(getattr(self, name), component))
        if not len(self):
            raise InputError("a channel set must keep at least one channel, got none")

    @classmethod
    def of_indices(cls, indices: Iterable[int], order: Order = "row-major", name: str = "") -> "ChannelSet":
        """Return the set with these channel numbers, 0…191: 64·component + frequency, numbered by `order`.

        Raises:
            InputError: If a number is outside 0…191 or repeated.
        """
        kept: tuple[list[int], ...] = ([], [], [])
        for index in indices:
            try:
                number = operator.index(index)
            except TypeError:
                number = -1
            if not 0 <= number < CHANNELS:
                raise InputError(f"channel numbers must be 0…{CHANNELS - 1}, got {index!r}")
            component, frequency = divmod(number, _FREQUENCIES)
            kept[component].append(frequency)
        y, cb, cr = map(tuple, kept)
        return cls(y, cb, cr, order, name)

    @property
    def components(self) -> tuple[tuple[int, ...], ...]:
        """Kept frequencies of Y, Cb and Cr, numbered by `order`."""
        return self.y, self.cb, self.cr

    @property
    def called(self) -> str:
        """The name, if there is one, and how many channels of each component are kept."""
        counts = "+".join(str(len(kept)) for kept in self.components)
        return f"{self.name or 'an unnamed set'} ({counts} channels of Y, Cb, Cr)"

    @property
    def indices(self) -> tuple[int, ...]:
        """Row-major channel numbers 64·component + 8·α + β, in the order of stacking, whatever `order` is."""
        return tuple(
            _FREQUENCIES * component + _row_major(frequency, self.order)
            for component, kept in enumerate(self.components)
            for frequency in kept
        )

    def __len__(self) -> int:
        return len(self.y) + len(self.cb) + len(self.cr)

    def in_order(self, order: Order) -> "ChannelSet":
        """The same channels, numbered and stacked by another order."""
        y, cb, cr = (tuple(renumbered(_row_major(f, self.order), order) for f in kept) for kept in self.components)
        return ChannelSet(y, cb, cr, order, self.name)

    def mask(self, dtype: torch.dtype = torch.bool, device: torch.device | str | None = None) -> Tensor:
        """Return (3, 8, 8) by component, vertical and horizontal frequency: True, or 1, for kept channels."""
        kept = torch.zeros(CHANNELS, dtype=dtype, device=device)
        kept[list(self.indices)] = 1
        return kept.view(len(COMPONENTS), BLOCK, BLOCK)

    def relative_size(self, scale: float = 2) -> float:
        """Return the network's input size divided by that of RGB pixels, as in Xu et al.'s tables.

        If `scale` s is the ratio of image sides (`image_scale`), C·(s·a/8)² numbers replace 3·a²: the ratio is
        C·s²/192.
        """
        return len(self) * scale * scale / CHANNELS

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, as `from_dict` reads them."""
        y, cb, cr = map(list, self.components)
        return {"name": self.name, "order": self.order, "Y": y, "Cb": cb, "Cr": cr}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> "ChannelSet":
        """Return the set that `to_dict` described; its name may be missing.

        Raises:
            InputError: If anything else is missing or not a list of numbers.
        """
        try:
            y, cb, cr = (tuple(description[component]) for component in COMPONENTS)
            order, name = description["order"], str(description.get("name", ""))
        except (KeyError, TypeError) as error:
            raise InputError(f"the description of a channel set needs order, Y, Cb and Cr: {error!r}") from error
        return cls(y, cb, cr, order, name)

    def plot(self, axes: "Sequence[Axes] | None" = None) -> "Figure":
        """Draw three 8×8 grids, with cells numbered in the set's order, on three matplotlib axes or a new figure."""
        # Imported here, since plotting itself imports channel sets.
        from .plotting import plot_channels

        return plot_channels(self, axes)

    def __str__(self) -> str:
        rows = [
            "   ".join("".join(" ■" if kept else " ·" for kept in grid[row]) for grid in self.mask().tolist())
            for row in range(BLOCK)
        ]
        counts = (f" {component}: {len(kept)}" for component, kept in zip(COMPONENTS, self.components, strict=True))
        head = "   ".join(count.ljust(2 * BLOCK) for count in counts).rstrip()
        name = f"{self.name}: " if self.name else ""
        title = f"{name}{len(self)} of {CHANNELS} channels, numbered {self.order}"
        return "\n".join([title, head, *rows])


def renumbered(index: int, order: Order) -> int:
    """The number, 0…63, that `order` gives the frequency with the row-major number `index`."""
    return int(_ZIGZAG_POSITION[index]) if order == "zigzag" else index


def _row_major(index: int, order: Order) -> int:
    return int(ZIGZAG[index]) if order == "zigzag" else index


def _checked(kept: Iterable[int], component: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted(operator.index(frequency) for frequency in kept))
    except TypeError as error:
        raise InputError(f"frequencies of {component} must be whole numbers, got {kept!r}") from error
    if wrong := [number for number in numbers if not 0 <= number < _FREQUENCIES]:
        raise InputError(f"frequencies of {component} must be 0…{_FREQUENCIES - 1}, got {wrong}")
    if len(set(numbers)) < len(numbers):
        raise InputError(f"a frequency of {component} is repeated: {numbers}")
    return numbers
