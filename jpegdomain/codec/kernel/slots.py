"""The arrays that the kernel's functions share, and what stands where in them.

One row of `state`, int64 (STATE,), belongs to one file: what has been read of it so far, and in the end what
Python is told. The first `REPORT` entries are all that Python looks at for a good file.

The workspace is lent to one call at a time: `tables` uint64 with `STORE` Huffman tables of `STRIDE` words, `work`
int64, `scratch` uint8, `skips` uint16. `masks` uint64 has a word for each block of a progressive file, whose bit k says
that the coefficient at zigzag position k > 0 is not zero; `lost` uint8 a byte for each block, where losses are kept.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [name for name in globals() if name.isupper()] + ["Integers", "Masks", "Samples", "Skips", "Steps", "Tables"]

Integers: TypeAlias = NDArray[np.int64]
Masks: TypeAlias = NDArray[np.uint64]
Samples: TypeAlias = NDArray[np.int16]
Skips: TypeAlias = NDArray[np.uint16]
Steps: TypeAlias = NDArray[np.uint16]
Tables: TypeAlias = NDArray[np.uint64]

# --- state: what Python reads -----------------------------------------------------------------------------
OUTCOME: Final = 0
"""One of the outcomes below."""
HEIGHT: Final = 1
WIDTH: Final = 2
COUNT: Final = 3
"""Number of components."""
PROGRESSIVE: Final = 4
JFIF: Final = 5
ADOBE: Final = 6
"""The transform byte of an Adobe segment, −1 without."""
EXIF: Final = 7
"""Position of the last EXIF or XMP segment's marker, 0 without."""
ICC: Final = 8
"""Position of the first ICC segment's marker, 0 without."""
ROOM: Final = 9
"""Coefficients of all components together."""
FRAME: Final = 10
"""Position of the frame header's marker."""
SCANS: Final = 11
"""Scans met so far."""
FAULT: Final = 12
"""A number of `faults`, 0 for none."""
OFFSET: Final = 13
"""Position of the fault, from the beginning of the file."""
MARKER: Final = 14
"""The second byte of the marker in force there."""
DETAIL: Final = 15
"""Four numbers for the fault's message."""
WARNINGS: Final = 19
"""How many things were wrong that cost no coefficient; `WARNING_LIST` has the first ones."""
LOSSES: Final = 20
"""How many times data was lost, where that does not end the reading; `LOSS_LIST` has the first ones."""
INCOMPLETE: Final = 21
"""1 if a component has not come, or not all bits of one."""
REPORT: Final = 22

# --- state: the kernel's own ------------------------------------------------------------------------------
AT: Final = 22
"""Position of the next marker, or of a scan's first byte of entropy-coded data."""
START: Final = 23
"""Position of the file's first byte."""
END: Final = 24
"""Position after the file's last byte."""
VERTICAL: Final = 25
"""Vmax."""
HORIZONTAL: Final = 26
"""Hmax."""
INTERVAL: Final = 27
"""MCUs between restart markers, 0 for none."""
PARTS: Final = 28
"""Number of components in the scan."""
FIRST: Final = 29
"""Ss, Se, Ah, Al (T.81 B.2.3)."""
LAST: Final = 30
HIGH: Final = 31
LOW: Final = 32
PART: Final = 33
"""Four: the scan's components, as positions in the frame."""
DC: Final = 37
"""Four: where in `tables` each of them has its DC table."""
AC: Final = 41
HUFFMAN: Final = 45
"""Eight: position of the definition of table (class, slot), 4·class + slot; 0 for none; `STANDARD` for Annex K's;
below that, for a definition that cannot be used, −1 times the position of its segment's marker."""
STANDARD: Final = -1
STEPS: Final = 53
"""Four: position of the definition of the quantisation table in that slot; 0 or negative as in `HUFFMAN`."""
MODE: Final = 57
"""`STRICT`, `LENIENT` or `KEEP`."""
SCAN_LIMIT: Final = 58
"""The most scans that are read."""
PLACE: Final = 59
"""Position of the marker whose segment is being read, to which faults and warnings refer."""
IRREGULAR: Final = 60
"""1 after a scan that continues no other: what has come cannot be told by the headers alone."""
COMPONENT: Final = 61
"""Four times `FIELDS`."""
FIELDS: Final = 10
IDENTIFIER: Final = 0
V: Final = 1
H: Final = 2
SLOT: Final = 3
ROWS: Final = 4
"""Blocks of the component's own extent, vertically and horizontally."""
COLUMNS: Final = 5
BASE: Final = 6
"""Where its coefficients begin, counted from the file's first."""
SEEN: Final = 7
"""Whether a scan has held it."""
TAKEN: Final = 8
"""Position of the definition of its quantisation table, 0 before its first scan."""
WARNING_LIST: Final = 104
"""`NOTES` times `NOTE_FIELDS`: fault, offset, marker, details."""
NOTES: Final = 16
NOTE_FIELDS: Final = 7
LOSS_LIST: Final = WARNING_LIST + NOTES * NOTE_FIELDS
"""Likewise."""
ARITHMETIC: Final = LOSS_LIST + NOTES * NOTE_FIELDS
"""Whether the frame is arithmetic-coded."""
CONDITIONING: Final = ARITHMETIC + 1
"""Twice `CONDITIONING_SLOTS`: 16·U + L of the DC tables, then Kx of the AC tables (T.81 B.2.4.3)."""
CONDITIONING_SLOTS: Final = 16
"""The standard has four of each kind; libjpeg, as many as headers can name."""
STATE: Final = CONDITIONING + 2 * CONDITIONING_SLOTS

# --- modes ------------------------------------------------------------------------------------------------
STRICT: Final = 0
"""Whatever the standard does not allow is a fault."""
LENIENT: Final = 1
"""What costs no coefficient is a warning."""
KEEP: Final = 2
"""Lost data, too, does not end the reading."""

# --- outcomes ---------------------------------------------------------------------------------------------
DONE: Final = 0
FAULTY: Final = 1
"""`FAULT` says why; what was decoded before stands."""
NEEDS_ROOM: Final = 2
"""The output is too small for `ROOM`; nothing has been decoded."""
OTHER_MODE: Final = 3
"""The frame is progressive where a sequential one was asked for, or the other way round."""
OTHER_CODING: Final = 4
"""The frame is arithmetic-coded where a Huffman-coded one was asked for."""

# --- what the walk over markers comes to -------------------------------------------------------------------
SCAN: Final = 0
FINISHED: Final = 1
FAILED: Final = 2

# --- tables -----------------------------------------------------------------------------------------------
PROBE: Final = 10
"""Bits of one look into a table."""
LIMITS: Final = 1 << PROBE
"""In a table: for lengths 1…16, the first left-aligned 16-bit code beyond those of the length."""
DELTAS: Final = LIMITS + 17
"""In a table: for lengths 1…16, position of a code's symbol minus the code."""
SYMBOLS: Final = DELTAS + 17
"""In a table: up to 256 symbols."""
SKIP_BUILT: Final = SYMBOLS + 256
"""In a table: whether its `SKIPS` are built."""
STRIDE: Final = SKIP_BUILT + 8
SKIP_PROBE: Final = 12
SKIPS: Final = 1 << SKIP_PROBE
"""Entries of what to pass over, by the next `SKIP_PROBE` bits, for each table of the store."""
STORE: Final = 16

# --- work -------------------------------------------------------------------------------------------------
HASHES: Final = 0
"""`STORE` hashes of the definitions that the tables were built from, 0 for none."""
CLOCK: Final = STORE
"""The table built last."""
USUAL: Final = CLOCK + 1
"""By 8·kind + slot: the table of the store that such a definition meant the last time."""
SENT: Final = USUAL + 32
"""Four times 64, by component and zigzag position: the lowest bit sent so far, −1 before the first."""
PLAN: Final = SENT + 256
"""`PLAN_FIELDS` for each of the up to ten blocks of an MCU, see `mcu`."""
PLAN_FIELDS: Final = 10
PREDICTION: Final = PLAN + 10 * PLAN_FIELDS
"""Four DC predictions."""
SOURCE: Final = PREDICTION + 4
"""Of the restart interval being read, see `feed`: the next position in the file,"""
FILLED: Final = SOURCE + 1
"""the bytes in `scratch`,"""
CLOSED: Final = SOURCE + 2
"""whether they are the interval's last,"""
ORIGIN: Final = SOURCE + 3
"""where in the file it begins,"""
GONE: Final = SOURCE + 4
"""and how many of its bytes have left `scratch`."""
NEEDED: Final = SOURCE + 5
"""Four times 64: by component and zigzag position, whether a later scan depends on it, see `scan_choice`."""
PINNED: Final = NEEDED + 256
"""Eight: the tables that the scan uses, −1 for none."""
CHOICE: Final = PINNED + 8
"""For each scan of a progressive file, whether to decode it."""
MOST_SCANS: Final = 4096
"""Each scan of a legal file brings at least one bit, 0…13, of one of 64 coefficients of four components: that makes
3584 at most."""
ACROSS: Final = CHOICE + MOST_SCANS
"""MCUs in a row of the scan,"""
PLANNED: Final = ACROSS + 1
"""and blocks in each."""
DC_CONTEXT: Final = ACROSS + 2
"""Four, beside `PREDICTION`: the group of bins for the next DC difference, see `arithmetic_model`."""
WORK: Final = DC_CONTEXT + 4

# --- lost blocks, a byte for each block -----------------------------------------------------------------
LOST_DC: Final = 1
"""A sequential scan, or one of DC coefficients, lost the block;"""
LOST_AC: Final = 2
"""one of AC coefficients did."""

# --- output -----------------------------------------------------------------------------------------------
DRAFT: Final = 64
"""Behind a file's coefficients stands a block for what is dropped, and `DRAFT` behind them one to work in."""
MARGIN: Final = 136
"""The room for both."""

# --- scratch ----------------------------------------------------------------------------------------------
CHUNK: Final = 8192
"""Bytes of entropy-coded data that are unstuffed at a time."""
SPARE: Final = 2560
"""More than an MCU can take: 10 blocks of 64 codes with up to 31 bits, and a word."""
KEYS: Final = CHUNK + 2 * SPARE
"""After the unstuffed data: for each table of the store, the definition it was built from."""
KEY: Final = 288
DC_BINS: Final = 64
"""Statistics bins, a byte each, of one DC and of one AC table: 49 and 245 are used (T.81 tables F.4, F.5)."""
AC_BINS: Final = 256
STATISTICS: Final = KEYS + STORE * KEY
"""The bins of all DC tables, of all AC tables, and"""
FIXED_BIN: Final = STATISTICS + CONDITIONING_SLOTS * (DC_BINS + AC_BINS)
"""the one whose estimate stays ½."""
SCRATCH: Final = FIXED_BIN + 1
