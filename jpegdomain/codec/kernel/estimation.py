"""How likely a decision's less probable symbol is, and what is thought of it after the next (T.81 Table D.3)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ESTIMATES", "FIXED_ESTIMATE"]

FIXED_ESTIMATE: Final = 113
"""One state more than the table has: both symbols are equally likely for ever, as of signs (F.1.4.4.2)."""

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
    """Pack what a decision needs to know, by the byte that a statistics bin holds: state + 128·MPS.

    Returns:
        int64 (256,): 16 bits Qe, 8 bits the next byte after the more probable symbol, 8 bits after the less probable.
    """
    packed = np.zeros(256, np.int64)
    rows = [row.split() for row in _TABLE_D3.replace("|", "\n").strip().splitlines()]
    for symbol in (0, 128):
        for state, (size, less, more, switch) in enumerate(rows):
            after_less = int(less) | (symbol ^ 128 if switch == "1" else symbol)
            packed[state | symbol] = int(size, 16) | (int(more) | symbol) << 16 | after_less << 24
    return packed


ESTIMATES: Final = _estimates()
