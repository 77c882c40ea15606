"""Entry points: places where Huffman decoding can start, since an MCU's first bit and the DC predictions are known.

Nothing before an entry point is read. Each entry point has a hash of itself and of the data up to the next one, so that
no other data can be mistaken for it.
"""

from typing import TypeAlias

import numpy as np

from jpegdomain.compiled.jit import compiled, inlined

from . import fault_codes as codes
from . import layout as L
from . import markers
from .blocks import difference, pass_over, prepare_skips
from .feed import more, open_interval
from .huffman import STOP, Word, refilled
from .layout import Bytes, Integers, Memory, Samples
from .mcu import plan_blocks
from .scan_header import find_tables
from .words import load

__all__ = ["Place", "enter", "hash_of", "pass_over_mcus", "prepare", "step_over_restart"]

Place: TypeAlias = tuple[Word, int, int, int]
"""A position in an interval: the reservoir (word, bits, at), and the low-water mark; see `huffman` and `feed`."""

_3 = np.uint64(3)
_PRIME = np.uint64(0x9E3779B97F4A7C15)


@compiled
def prepare(head: Bytes, state: Integers, memory: Memory, passing: bool) -> None:
    """Find the tables of the scan whose header was just read, also those for skipping MCUs, and plan its MCUs."""
    find_tables(head, state, memory)
    if passing:
        prepare_skips(state, memory)
    memory.work[L.PLANNED] = plan_blocks(state, memory.work)


@compiled
def enter(data: Bytes, state: Integers, memory: Memory, bit: int) -> Place:
    """Begin at a bit of the byte at ``state[AT]``; at the beginning of a restart interval the predictions are zero."""
    low = open_interval(data, state, memory.work, memory.scratch)
    word, bits, at = refilled(np.uint64(0), 0, 0, memory.scratch)
    return word << np.uint64(bit), bits - bit, at, low


@compiled
def pass_over_mcus(
    data: Bytes, out: Samples, spare: int, state: Integers, memory: Memory, place: Place, count: int
) -> tuple[Place, int]:
    """Skip a number of MCUs, keeping only the DC predictions."""
    word, bits, at, low = place
    work, draft = memory.work, spare + L.DRAFT
    fault = codes.NO_FAULT
    for _ in range(count):
        for i in range(work[L.PLANNED]):
            plan = L.PLAN + L.PLAN_FIELDS * i
            word, bits, at, value, good = difference(word, bits, at, memory, work[plan + L.PLAN_DC])
            work[L.PREDICTION + work[plan + L.PLAN_PART]] += value
            word, bits, at, k = pass_over(word, bits, at, memory, work[plan + L.PLAN_AC], out, draft, 0)
            if not good or 63 < k < STOP:
                return (word, bits, at, low), codes.BAD_CODE
        if at > low:
            at, low, fault = more(data, state, work, memory.scratch, bits, at)
            if fault:
                break
    return (word, bits, at, low), fault


@compiled
def step_over_restart(data: Bytes, state: Integers, memory: Memory, place: Place, number: int) -> int:
    """Skip the restart marker with this number, which must follow at once, and set the predictions to zero."""
    work = memory.work
    _, bits, at, _ = place
    here = work[L.SOURCE]
    if work[L.CLOSED] == 0 or 8 * work[L.FILLED] - (8 * at - bits) >= 8 or here + 2 > state[L.END]:
        return codes.WRONG_ENTRY
    if data[here] != 0xFF or data[here + 1] != markers.RST0 + number % 8:
        return codes.NO_RESTART
    state[L.AT] = here + 2
    work[L.PREDICTION : L.PREDICTION + 4] = 0
    return codes.NO_FAULT


@compiled
def hash_of(data: Bytes, entries: Integers, number: int, every: int, shift: int) -> int:
    """Return 31 bits that depend on an entry point, its number, and all bits from there to the next one."""
    here, following = entries[number], entries[number + 1]
    mixed = _mixed(np.uint64(number), np.uint64(every))
    for field in range(L.ENTRY_HASH):
        mixed = _mixed(mixed, np.uint64(here[field]))
    mixed = _mixed(mixed, np.uint64(following[L.ENTRY_AT] - here[L.ENTRY_AT]) << _3 | np.uint64(following[L.ENTRY_BIT]))
    at = here[L.ENTRY_AT] - shift
    end = following[L.ENTRY_AT] - shift + min(following[L.ENTRY_BIT], 1)
    while at + 8 <= end:
        mixed = _mixed(mixed, load(data, at))
        at += 8
    while at < end:
        mixed = _mixed(mixed, np.uint64(data[at]))
        at += 1
    return np.int64(_mixed(mixed, _3) >> np.uint64(33))


@inlined
def _mixed(number: Word, word: Word) -> Word:
    number = (number ^ word) * _PRIME
    return number ^ (number >> np.uint64(29))
