"""What the kernel noted of a file that is not sound: warnings, losses, and which blocks and bits have not come."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jpegdomain.tables import ZIGZAG

from .building import Plan
from .faults import error_of, warning_of
from .kernel.slots import (
    COMPONENT,
    FIELDS,
    LOSS_LIST,
    LOSSES,
    NOTE_FIELDS,
    NOTES,
    PROGRESSIVE,
    SEEN,
    SENT,
    WARNING_LIST,
    WARNINGS,
)

__all__ = ["Shortfall", "damage_of", "shortfalls_of", "warnings_of"]

_Entries = list[list[int]]
_ROW_MAJOR: Final = np.argsort(ZIGZAG)
"""By row-major index: the zigzag position."""


class Shortfall(NamedTuple):
    """What has not come of a component: `Component.arrived` and `Component.lowest_bit`."""

    arrived: NDArray[np.bool_] | None
    lowest_bit: NDArray[np.int8] | None


def _entries(state: NDArray[np.int64], count: int, start: int) -> _Entries:
    stop = start + min(int(state[count]), NOTES) * NOTE_FIELDS
    entries: _Entries = state[start:stop].reshape(-1, NOTE_FIELDS).tolist()
    return entries


def warnings_of(state: NDArray[np.int64]) -> tuple[str, ...]:
    """Put a file's warnings into words.

    Args:
        state: Its row of the kernel's state.

    Returns:
        A line each; one more says how many there were beyond the first ones.
    """
    noted = _entries(state, WARNINGS, WARNING_LIST)
    lines = [warning_of(fault, offset, marker, details) for fault, offset, marker, *details in noted]
    return tuple(lines) + _rest(state, WARNINGS)


def damage_of(state: NDArray[np.int64], name: str, beginning: bytes) -> str | None:
    """Put a file's losses into words.

    Args:
        state: Its row of the kernel's state.
        name: Its name.
        beginning: Its first bytes.

    Returns:
        The messages of the errors that these would be, in lines; None without losses.
    """
    noted = _entries(state, LOSSES, LOSS_LIST)
    lines = [
        str(error_of(name, fault, offset, marker, details, beginning)) for fault, offset, marker, *details in noted
    ]
    return "\n".join([*lines, *_rest(state, LOSSES)]) or None


def _rest(state: NDArray[np.int64], count: int) -> tuple[str, ...]:
    more = int(state[count]) - NOTES
    return (f"and {more} more",) if more > 0 else ()


def shortfalls_of(
    plan: Plan, state: NDArray[np.int64], work: NDArray[np.int64], lost: NDArray[np.uint8], keep: int
) -> list[Shortfall]:
    """Say what has not come of each component.

    Args:
        plan: The file's.
        state: Its row of the kernel's state.
        work: The workspace's integers, as the file left them.
        lost: What each block has lost; empty if losses were not kept.
        keep: Frequencies along each side of a block.

    Returns:
        One for each component.
    """
    found = []
    for i, (place, (rows, columns, _)) in enumerate(plan.cuts):
        arrived = np.ones((rows, columns), np.bool_)
        if state[COMPONENT + FIELDS * i + SEEN] == 0:
            arrived[:] = False
        elif len(lost):
            arrived = lost[place.start // (keep * keep) :][: rows * columns].reshape(rows, columns) == 0
        lowest = np.zeros(64, np.int8)
        if state[PROGRESSIVE] == 1:
            lowest = work[SENT + 64 * i :][:64][_ROW_MAJOR].astype(np.int8)
        found.append(Shortfall(None if arrived.all() else arrived, lowest if lowest.any() else None))
    return found
