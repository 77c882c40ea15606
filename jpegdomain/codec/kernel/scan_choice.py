"""Which scans of a progressive file the m×m lowest coefficients depend on.

A scan matters if it brings a wanted coefficient. And a scan that refines a band has a bit for each coefficient of the
band that is not zero by then: to find the wanted ones among its bits, all of the band must be known. So the choice is
made from the last scan to the first.
"""

from jpegdomain.compiled.jit import compiled

from .blocks import ORDER
from .markers import skip_scan
from .slots import (
    AT,
    CHOICE,
    END,
    FIRST,
    HIGH,
    LAST,
    MOST_SCANS,
    NEEDED,
    PART,
    PARTS,
    SCAN,
    SCANS,
    Integers,
)
from .slots import Steps as StepsArray
from .walk import advance
from .words import Bytes

__all__ = ["choose_scans"]


@compiled
def choose_scans(data: Bytes, state: Integers, quant: StepsArray, work: Integers, keep: int) -> None:
    """Walk a file whose walk has just begun to its end or first fault; set ``work[CHOICE + i]`` for its scan i."""
    work[CHOICE : CHOICE + MOST_SCANS] = 1
    while advance(data, state, quant, work, 64) == SCAN:
        packed = state[FIRST] | state[LAST] << 6 | (1 << 12 if state[HIGH] > 0 else 0)
        for part in range(state[PARTS]):
            packed |= 1 << (13 + state[PART + part])
        work[CHOICE + state[SCANS] - 1] = packed
        state[AT] = skip_scan(data, state[AT], state[END])
    for k in range(64):
        for component in range(4):
            work[NEEDED + 64 * component + k] = 1 if ORDER[keep, k] < keep * keep else 0
    for scan in range(state[SCANS] - 1, -1, -1):
        packed = work[CHOICE + scan]
        first, last, refines = packed & 63, (packed >> 6) & 63, packed & (1 << 12) > 0
        wanted = False
        for component in range(4):
            if packed & (1 << (13 + component)) > 0:
                needed = NEEDED + 64 * component
                for k in range(first, last + 1):
                    wanted = wanted or work[needed + k] == 1
        if wanted and refines:
            for component in range(4):
                if packed & (1 << (13 + component)) > 0:
                    needed = NEEDED + 64 * component
                    work[needed + first : needed + last + 1] = 1
        work[CHOICE + scan] = 1 if wanted else 0
