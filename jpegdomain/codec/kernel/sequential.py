"""Huffman-coded scans, MCU by MCU: of sequential frames (T.81 F.2), and of DC coefficients (G.1.2.1)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jpegdomain.compiled.jit import inlined

from . import fault_codes as codes
from . import layout as L
from .blocks import LAST_WANTED, ORDER, difference, fill_block, pass_over, prepare_skips
from .feed import damage, more
from .huffman import STOP, Word, refilled
from .layout import Bytes, Integers, Memory, Samples
from .mcu import begin_row, place_of
from .scan import scan_of

__all__ = ["dc_scan", "decode_mcu", "sequential_scan"]


def _interval_of(name: str, decode_mcu: Callable[..., Any]) -> Callable[..., Any]:
    """Make `scan_of`'s `decode_interval`, with a unique name, from a function that decodes an MCU."""
    # `decode_mcu`: (word, bits, at, out, spare block, keep, state, memory) → (word, bits, at, fault).

    def decode_interval(
        data: Bytes, out: Samples, origin: int, keep: int, state: Integers, memory: Memory, mcu: int, end: int, low: int
    ) -> tuple[int, int, int, int]:
        work, scratch = memory.work, memory.scratch
        size, spare = keep * keep, origin + state[L.ROOM]
        columns, count = work[L.ACROSS], work[L.PLANNED]
        if keep < 8:
            prepare_skips(state, memory)
        word, bits, at = np.uint64(0), 0, 0
        work[L.PREDICTION : L.PREDICTION + 4] = 0
        fault = codes.NO_FAULT
        while mcu < end and not fault:
            row, column = mcu // columns, mcu % columns
            begin_row(state, work, count, row, column, origin, size)
            for _ in range(min(end - mcu, columns - column)):
                word, bits, at, fault = decode_mcu(word, bits, at, out, spare, keep, state, memory)
                if fault:
                    fault = damage(data, state, work, bits, at, fault)
                elif at > low:
                    at, low, fault = more(data, state, work, scratch, bits, at)
                if fault:
                    # Undo the MCU. A refinement reads zeros after the end of the data, which change nothing.
                    written = size if state[L.PROGRESSIVE] == 0 else 1 if state[L.HIGH] == 0 else 0
                    begin_row(state, work, count, row, mcu % columns, origin, size)
                    for i in range(count):
                        here = place_of(work, L.PLAN + L.PLAN_FIELDS * i, spare, size)
                        out[here : here + written] = np.int16(0)
                    break
                mcu += 1
        return mcu, bits, at, fault

    decode_interval.__qualname__ = name
    return inlined(decode_interval)


@inlined
def decode_mcu(
    word: Word, bits: int, at: int, out: Samples, spare: int, keep: int, state: Integers, memory: Memory
) -> tuple[Word, int, int, int]:
    """Decode the blocks of an MCU, after setting each to zero."""
    work = memory.work
    size, order, last = keep * keep, ORDER[keep], LAST_WANTED[keep]
    for i in range(work[L.PLANNED]):
        plan = L.PLAN + L.PLAN_FIELDS * i
        here = place_of(work, plan, spare, size)
        word, bits, at, value, good = difference(word, bits, at, memory, work[plan + L.PLAN_DC])
        target = here if keep == 8 else spare + L.DRAFT
        part = L.PREDICTION + work[plan + L.PLAN_PART]
        work[part] += value
        for j in range(64):
            out[np.uint64(target + j)] = np.int16(0)
        out[np.uint64(target)] = np.int16(work[part])
        table = work[plan + L.PLAN_AC]
        word, bits, at, k = fill_block(word, bits, at, memory, table, out, target, order, last)
        if keep < 8:
            for j in range(size):
                out[np.uint64(here + j)] = out[np.uint64(target + j)]
            word, bits, at, k = pass_over(word, bits, at, memory, table, out, target, k)
        if not good or 63 < k < STOP:
            return word, bits, at, codes.BAD_CODE
    return word, bits, at, codes.NO_FAULT


@inlined
def _decode_dc(
    word: Word, bits: int, at: int, out: Samples, spare: int, keep: int, state: Integers, memory: Memory
) -> tuple[Word, int, int, int]:
    """Decode the first bits of the DC coefficients of an MCU, or one more bit of each."""
    work = memory.work
    low_bit, refines = state[L.LOW], state[L.HIGH] > 0
    for i in range(work[L.PLANNED]):
        plan = L.PLAN + L.PLAN_FIELDS * i
        here = place_of(work, plan, spare, 64)
        if refines:
            word, bits, at = refilled(word, bits, at, memory.scratch)
            out[here] |= np.int16(np.int64(word >> np.uint64(63)) << low_bit)
            word <<= np.uint64(1)
            bits -= 1
        else:
            word, bits, at, value, good = difference(word, bits, at, memory, work[plan + L.PLAN_DC])
            part = L.PREDICTION + work[plan + L.PLAN_PART]
            work[part] += value
            out[here] = np.int16(work[part] << low_bit)
            if not good:
                return word, bits, at, codes.BAD_CODE
    return word, bits, at, codes.NO_FAULT


sequential_scan = scan_of("sequential_scan", _interval_of("sequential_interval", decode_mcu))
dc_scan = scan_of("dc_scan", _interval_of("dc_interval", _decode_dc))
