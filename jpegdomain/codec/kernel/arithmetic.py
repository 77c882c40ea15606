"""The arithmetic decoder's registers, and how one binary decision is taken from them (T.81 D.2).

The registers are `code`, the part of the code stream within the current interval; `interval`, its size A; `ahead`, how
many bits of `code` lie below those that A is compared with; and `at`, the position of the next byte.
After the end of the data, at a marker, zeros are read without end, since encoders leave out final zeros (D.1.8). After
the end of the file zeros are read, too, but there `at` counts them.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.compiled.jit import inlined

from .layout import Bytes

__all__ = ["ESTIMATES", "FIXED_ESTIMATE", "Registers", "Stream", "decide", "first_registers"]

FIXED_ESTIMATE: Final = 113
"""One state more than the table has: both symbols always stay equally likely, as for signs (F.1.4.4.2)."""

_TABLE_D3: Final = """
    5A1D   1   1 1 | 2586  14   2 0 | 1114  16   3 0 | 080B  18   4 0 | 03D8  20   5 0 | 01DA  23   6 0
    00E5  25   7 0 | 006F  28   8 0 | 0036  30   9 0 | 001A  33  10 0 | 000D  35  11 0 | 0006   9  12 0
    0003  10  13 0 | 0001  12  13 0 | 5A7F  15  15 1 | 3F25  36  16 0 | 2CF2  38  17 0 | 207C  39  18 0
    17B9  40  19 0 | 1182  42  20 0 | 0CEF  43  21 0 | 09A1  45  22 0 | 072F  46  23 0 | 055C  48  24 0
    0406  49  25 0 | 0303  51  26 0 | 0240  52  27 0 | 01B1  54  28 0 | 0144  56  29 0 | 00F5  57  30 0
    00B7  59  31 0 | 008A  60  32 0 | 0068  62  33 0 | 004E  63  34 0 | 003B  32  35 0 | 002C  33   9 0
    5AE1  37  37 1 | 484C  64  38 0 | 3A0D  65  39 0 | 2EF1  67  40 0 | 261F  68  41 0 | 1F33  69  42 0
    19A8  70  43 0 | 1518  72  44 0 | 1177  73  45 0 | 0E74  74  46 0 | 0BFB  75  47 0 | 09F8  77  48 0
    0861  78  49 0 | 0706  79  50 0 | 05CD  48  51 0 | 04DE  50  52 0 | 040F  50  53 0 | 0363  51  54 0
    02D4  52  55 0 | 025C  53  56 0 | 01F8  54  57 0 | 01A4  55  58 0 | 0160  56  59 0 | 0125  57  60 0
    00F6  58  61 0 | 00CB  59  62 0 | 00AB  61  63 0 | 008F  61  32 0 | 5B12  65  65 1 | 4D04  80  66 0
    412C  81  67 0 | 37D8  82  68 0 | 2FE8  83  69 0 | 293C  84  70 0 | 2379  86  71 0 | 1EDF  87  72 0
    1AA9  87  73 0 | 174E  72  74 0 | 1424  72  75 0 | 119C  74  76 0 | 0F6B  74  77 0 | 0D51  75  78 0
    0BB6  77  79 0 | 0A40  77  48 0 | 5832  80  81 1 | 4D1C  88  82 0 | 438E  89  83 0 | 3BDD  90  84 0
    34EE  91  85 0 | 2EAE  92  86 0 | 299A  93  87 0 | 2516  86  71 0 | 5570  88  89 1 | 4CA9  95  90 0
    44D9  96  91 0 | 3E22  97  92 0 | 3824  99  93 0 | 32B4  99  94 0 | 2E17  93  86 0 | 56A8  95  96 1
    4F46 101  97 0 | 47E5 102  98 0 | 41CF 103  99 0 | 3C3D 104 100 0 | 375E  99  93 0 | 5231 105 102 0
    4C0F 106 103 0 | 4639 107 104 0 | 415E 103  99 0 | 5627 105 106 1 | 50E7 108 107 0 | 4B85 109 103 0
    5597 110 109 0 | 504F 111 107 0 | 5A10 110 111 1 | 5522 112 109 0 | 59EB 112 111 1 | 5A1D 113 113 0
"""
"""For states 0…113: Qe in hexadecimal, the next state after the less and the more probable symbol, Switch_MPS."""


def _estimates() -> NDArray[np.int64]:
    """Return int64 (256,) by a bin's byte, state + 128·MPS: Qe, the bytes after the more and less probable symbol."""
    packed = np.zeros(256, np.int64)
    rows = [row.split() for row in _TABLE_D3.replace("|", "\n").strip().splitlines()]
    for symbol in (0, 128):
        for state, (size, less, more, switch) in enumerate(rows):
            after_less = int(less) | (symbol ^ 128 if switch == "1" else symbol)
            packed[state | symbol] = int(size, 16) | (int(more) | symbol) << 16 | after_less << 24
    return packed


ESTIMATES: Final = _estimates()


Registers: TypeAlias = tuple[int, int, int, int]


class Stream(NamedTuple):
    """The input of decisions: the file, its end, and the statistics bins."""

    data: Bytes
    end: int
    bins: Bytes


_HALF: Final = 0x8000


@inlined
def decide(registers: Registers, stream: Stream, place: int) -> tuple[Registers, int]:
    """Decode a decision, 0 or 1, by the statistics bin at `place`, and adapt the bin (D.2.4, D.2.5)."""
    code, interval, ahead, at = registers
    data, end, bins = stream
    known = bins[np.uint64(place)]
    estimate = ESTIMATES[np.uint64(known)]
    size = estimate & 0xFFFF
    symbol = np.int64(known >> 7)
    interval -= size
    limit = interval << ahead
    if code < limit and interval >= _HALF:
        return (code, interval, ahead, at), symbol
    # The larger part of the interval always belongs to the more probable symbol (conditional exchange).
    less = interval < size
    if code >= limit:
        code -= limit
        interval = size
        less = not less
    if less:
        bins[np.uint64(place)] = np.uint8(estimate >> 24)
        symbol ^= 1
    else:
        bins[np.uint64(place)] = np.uint8((estimate >> 16) & 255)
    while interval < _HALF:
        if ahead == 0:
            byte, at = _byte(data, at, end)
            code = code << 8 | byte
            ahead = 8
        interval <<= 1
        ahead -= 1
    return (code, interval, ahead, at), symbol


@inlined
def first_registers(data: Bytes, at: int, end: int) -> Registers:
    """Begin with the whole interval and the code's first 16 bits, at `at`."""
    high, at = _byte(data, at, end)
    low, at = _byte(data, at, end)
    return high << 8 | low, 0x10000, 0, at


@inlined
def _byte(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a byte of the code: FF 00 is FF, FF FF a fill byte, and FF before anything else a marker (D.2.6)."""
    if at >= end:
        return 0, at + 1
    byte = np.int64(data[np.uint64(at)])
    if byte != 0xFF:
        return byte, at + 1
    while at + 1 < end and data[np.uint64(at + 1)] == 0xFF:
        at += 1
    if at + 1 >= end:
        return 0, end + 1
    if data[np.uint64(at + 1)] == 0:
        return byte, at + 2
    return 0, at
