"""The arrays that the kernel's functions share, and their layout.

`state`, int64 (STATE,), belongs to one file: what has been read of it so far, and at the end what Python needs to know.
For a valid file, Python needs the first `REPORT` entries, which are kept in a row of `reports` while the next file is
read. A call works in a `Memory`.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.tables import ZIGZAG

Bytes: TypeAlias = NDArray[np.uint8]
Flags: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]
Masks: TypeAlias = NDArray[np.uint64]
Samples: TypeAlias = NDArray[np.int16]
Skips: TypeAlias = NDArray[np.uint16]
Steps: TypeAlias = NDArray[np.uint16]
Tables: TypeAlias = NDArray[np.uint64]


Arrays: TypeAlias = tuple[Tables, Integers, Bytes, Skips, Masks, Bytes]
Options: TypeAlias = tuple[int, int, int]
Planes: TypeAlias = tuple[Samples, Samples, Samples, Samples]


class Memory(NamedTuple):
    """The arrays of a workspace, and those of a file that describe each of its blocks.

    Attributes:
        tables: `STORE` Huffman tables of `STRIDE` words.
        work: Integers, see below.
        scratch: Bytes, see below.
        skips: `STORE` tables for skipping coefficients.
        masks: A word for each block of a progressive file: bit k says that the coefficient at zigzag position k > 0
            is not zero.
        lost: A byte for each block, if losses are recorded; else empty.
    """

    tables: Tables
    work: Integers
    scratch: Bytes
    skips: Skips
    masks: Masks
    lost: Bytes


ZIGZAG_BYTES = ZIGZAG.astype(np.uint8)

# --- state: what Python reads -----------------------------------------------------------------------------
OUTCOME: Final = 0  # one of the outcomes below
HEIGHT: Final = 1
WIDTH: Final = 2
COUNT: Final = 3  # number of components
PROGRESSIVE: Final = 4
JFIF: Final = 5
ADOBE: Final = 6  # the transform byte of an Adobe segment, −1 if there is none
EXIF: Final = 7  # position of the last EXIF or XMP segment's marker, 0 if there is none
ICC: Final = 8  # position of the first ICC segment's marker, 0 if there is none
ROOM: Final = 9  # number of coefficients of all components
FRAME: Final = 10  # position of the frame header's marker
SCANS: Final = 11  # number of scans so far
FAULT: Final = 12  # a code of `fault_codes`, 0 for none
OFFSET: Final = 13  # position of the fault, from the beginning of the file
MARKER: Final = 14  # the second byte of the marker that applies there
DETAIL: Final = 15  # four numbers for the fault's message
WARNINGS: Final = 19  # number of faults that cost no coefficient; `WARNING_LIST` has the first ones
LOSSES: Final = 20  # number of losses that did not end the reading; `LOSS_LIST` has the first ones
INCOMPLETE: Final = 21  # 1 if a component is missing, or bits of one
FRAME_PARTS: Final = 22  # for each component 16 bits: its identifier, V and H
FIRST_SCAN: Final = 23  # position of the first scan's entropy-coded data
REPORT: Final = 24

# --- state: the kernel's own ------------------------------------------------------------------------------
END: Final = 24  # position after the file's last byte
VERTICAL: Final = 25  # Vmax
HORIZONTAL: Final = 26  # Hmax
INTERVAL: Final = 27  # MCUs between restart markers, 0 for none
PARTS: Final = 28  # number of components in the scan
FIRST, LAST, HIGH, LOW = range(29, 33)  # Ss, Se, Ah, Al (T.81 B.2.3)
PART: Final = 33  # four: the scan's components, as positions in the frame
DC: Final = 37  # four: positions of their DC tables in `tables`
AC: Final = 41
HUFFMAN: Final = 45
"""Eight: position of the definition of table (class, slot), 4·class + slot; 0 for none; `STANDARD` for Annex K's;
below that, for a definition that cannot be used, −1 times the position of its segment's marker."""
STANDARD: Final = -1
STEPS: Final = 53
"""Four: position of the definition of the quantisation table in that slot; 0 or negative as in `HUFFMAN`."""
MODE: Final = 57  # `STRICT`, `LENIENT` or `KEEP`
SCAN_LIMIT: Final = 58  # the largest number of scans
PLACE: Final = 59  # position of the marker whose segment is being read, to which faults and warnings refer
IRREGULAR: Final = 60  # 1 after a scan that does not continue another: the headers alone do not show what has been read
COMPONENT: Final = 61  # four times `FIELDS`
FIELDS: Final = 10
IDENTIFIER, V, H, SLOT = range(4)
ROWS: Final = 4  # blocks of the component's own extent, vertically and horizontally
COLUMNS: Final = 5
BASE: Final = 6  # where its coefficients begin, counted from the file's first
SEEN: Final = 7  # whether a scan has contained it
TAKEN: Final = 8  # position of the definition of its quantisation table, 0 before its first scan
AT: Final = 101  # position of the next marker, or of a scan's first byte of entropy-coded data
START: Final = 102  # position of the file's first byte
WARNING_LIST: Final = 104  # `NOTES` times `NOTE_FIELDS`: fault, offset, marker, details
NOTES: Final = 16
NOTE_FIELDS: Final = 7
LOSS_LIST: Final = WARNING_LIST + NOTES * NOTE_FIELDS  # the same
ARITHMETIC: Final = LOSS_LIST + NOTES * NOTE_FIELDS  # whether the frame is arithmetic-coded
CONDITIONING: Final = ARITHMETIC + 1
"""Twice `CONDITIONING_SLOTS`: 16·U + L of the DC tables, then Kx of the AC tables (T.81 B.2.4.3)."""
CONDITIONING_SLOTS: Final = 16  # the standard has four of each kind; libjpeg, as many as headers can name
SAVED: Final = CONDITIONING + 2 * CONDITIONING_SLOTS  # a copy of `HUFFMAN` and `STEPS`
DEFINITIONS: Final = 12
STATE: Final = SAVED + DEFINITIONS

# --- modes ------------------------------------------------------------------------------------------------
STRICT: Final = 0  # whatever the standard does not allow is a fault
LENIENT: Final = 1  # what costs no coefficient is a warning
KEEP: Final = 2  # not even lost data ends the reading

# --- outcomes ---------------------------------------------------------------------------------------------
DONE: Final = 0
FAULTY: Final = 1  # `FAULT` says why; what was decoded before is kept
NEEDS_ROOM: Final = 2  # the output is too small for `ROOM`; nothing has been decoded
OTHER_MODE: Final = 3  # the frame is progressive, but a sequential one was asked for, or vice versa
OTHER_CODING: Final = 4  # the frame is arithmetic-coded, but a Huffman-coded one was asked for

# --- what the walk over markers comes to -------------------------------------------------------------------
SCAN, FINISHED, FAILED = range(3)

# --- tables -----------------------------------------------------------------------------------------------
PROBE: Final = 10  # number of bits that index a table
LIMITS: Final = 1 << PROBE
"""In a table: for lengths 1…16, the first left-aligned 16-bit code beyond those of the length."""
DELTAS: Final = LIMITS + 17  # in a table: for lengths 1…16, position of a code's symbol minus the code
SYMBOLS: Final = DELTAS + 17  # in a table: up to 256 symbols
SKIP_BUILT: Final = SYMBOLS + 256  # in a table: whether its `SKIPS` are built
STRIDE: Final = SKIP_BUILT + 8
SKIP_PROBE: Final = 12
SKIPS: Final = 1 << SKIP_PROBE
"""For each table of the store, entries of what to skip, by the next `SKIP_PROBE` bits."""
STORE: Final = 16

# --- work -------------------------------------------------------------------------------------------------
HASHES: Final = 0  # `STORE` hashes of the definitions that the tables were built from, 0 for none
CLOCK: Final = STORE  # the table built last
USUAL: Final = CLOCK + 1  # by 8·kind + slot: the table of the store that was used last time
SENT: Final = USUAL + 32
"""Four times 64, by component and zigzag position: the lowest bit sent so far, −1 before the first."""
PLAN: Final = SENT + 256  # `PLAN_FIELDS` for each of the up to ten blocks of an MCU, see `mcu`
PLAN_FIELDS: Final = 10
PLAN_DC, PLAN_AC, PLAN_PART = range(3)  # in a plan: positions of the tables, and of the component in the scan
PREDICTION: Final = PLAN + 10 * PLAN_FIELDS  # four DC predictions
SOURCE: Final = PREDICTION + 4  # of the restart interval being read, see `feed`: the next position in the file,
FILLED: Final = SOURCE + 1  # the bytes in `scratch`,
CLOSED: Final = SOURCE + 2  # whether they are the interval's last,
ORIGIN: Final = SOURCE + 3  # where in the file it begins,
GONE: Final = SOURCE + 4  # and how many of its bytes have left `scratch`
NEEDED: Final = SOURCE + 5
"""Four times 64: by component and zigzag position, whether a later scan depends on it, see `files`."""
PINNED: Final = NEEDED + 256  # eight: the tables that the scan uses, −1 for none
CHOICE: Final = PINNED + 8  # for each scan of a progressive file: whether to decode it
MOST_SCANS: Final = 4096
"""Each scan of a valid file adds at least one bit, 0…13, of one of 64 coefficients of four components, so there are at
most 3584."""
ACROSS: Final = CHOICE + MOST_SCANS  # MCUs in a row of the scan,
PLANNED: Final = ACROSS + 1  # and blocks in each
DC_CONTEXT: Final = ACROSS + 2
"""Four, beside `PREDICTION`: the group of bins for the next DC difference, see `arithmetic_model`."""
WORK: Final = DC_CONTEXT + 4

# --- lost blocks, a byte for each block -----------------------------------------------------------------
LOST_DC: Final = 1  # the block was lost in a sequential scan, or in one of DC coefficients
LOST_AC: Final = 2  # it was lost in a scan of AC coefficients

# --- output -----------------------------------------------------------------------------------------------
DRAFT: Final = 64
"""After a file's coefficients there is a block for what is dropped, and `DRAFT` places after them a block to work
in."""
MARGIN: Final = 136  # room for both

# --- scratch ----------------------------------------------------------------------------------------------
CHUNK: Final = 8192  # bytes of entropy-coded data that are unstuffed at a time
SPARE: Final = 2560  # more than an MCU can take: 10 blocks of 64 codes of up to 31 bits, and a word
KEYS: Final = CHUNK + 2 * SPARE
"""After the unstuffed data: for each table of the store, the definition it was built from."""
KEY: Final = 288
DC_BINS: Final = 64
"""Statistics bins, a byte each, of one DC and of one AC table: 49 and 245 are used (T.81 tables F.4, F.5)."""
AC_BINS: Final = 256
STATISTICS: Final = KEYS + STORE * KEY  # the bins of all DC tables, of all AC tables, and
FIXED_BIN: Final = STATISTICS + CONDITIONING_SLOTS * (DC_BINS + AC_BINS)  # the bin whose estimate stays ½
SCRATCH: Final = FIXED_BIN + 1

# --- entry points: a row for each, see `entry_points` -----------------------------------------------------
ENTRY_AT: Final = 0  # position in the file of the byte that holds its first bit,
ENTRY_BIT: Final = 1  # and how many bits of that byte belong to what comes before, 0…7
ENTRY_DC: Final = 2  # four: the DC predictions of the scan's components
ENTRY_HASH: Final = 6  # of all this, and of the bits from here to the next entry point
ENTRY: Final = 7

# --- runs: a row for each, see `runs` ---------------------------------------------------------------------
RUN_FROM: Final = 0  # the entry point where it begins
RUN_TO: Final = 1  # and the one where it must arrive, −1 if none is known
RUN_FIRST: Final = 2  # its first MCU,
RUN_END: Final = 3  # and the one after its last
RUN_SHIFT: Final = 4  # position in the file minus position in the data that the kernel is given
RUN: Final = 5

# --- a window on the image --------------------------------------------------------------------------------
ACROSS_ALL: Final = 0  # MCUs in a row of the scan,
TOTAL: Final = 1  # and in all of it
TOP, BOTTOM, LEFT, RIGHT = range(2, 6)  # the wanted MCUs of the scan
GRID: Final = 6  # three for each component: rows and columns of its blocks in the window, its position in the output
WINDOW: Final = GRID + 12

# --- writing ----------------------------------------------------------------------------------------------
LARGEST_AC: Final = 1023  # magnitude of quantised AC coefficients in 8-bit files (T.81 table F.2)
LARGEST_DC_STEP: Final = (
    2047  # magnitude of the difference between DC coefficients of successive blocks (T.81 table F.1)
)
# In the entries of progressive scans: the table of bits that no symbol precedes.
RAW: Final = 2
