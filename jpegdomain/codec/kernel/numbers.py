"""The faults, by number. What each says to a person stands in `jpegdomain.codec.faults`."""

from typing import Final

NO_FAULT: Final = 0

NOT_JPEG: Final = 1
ENDS_BEFORE_EOI: Final = 2
ENDS_IN_SEGMENT: Final = 3
ENDS_IN_SCAN: Final = 4
NO_MARKER: Final = 5
MISPLACED_MARKER: Final = 6
BAD_LENGTH: Final = 7
RESERVED_MARKER: Final = 8
NO_IMAGE: Final = 9

KIND_NOT_READ: Final = 10
FRAME_LENGTH: Final = 11
PRECISION_NOT_READ: Final = 12
BAD_PRECISION: Final = 13
NO_COMPONENTS: Final = 14
MANY_COMPONENTS: Final = 15
NO_WIDTH: Final = 16
SAME_IDENTIFIER: Final = 17
BAD_FACTOR: Final = 18
SECOND_FRAME: Final = 19
NO_HEIGHT: Final = 20
OTHER_HEIGHT: Final = 21

BAD_STEPS_SLOT: Final = 22
STEPS_LENGTH: Final = 23
ZERO_STEP: Final = 24
BAD_HUFFMAN_SLOT: Final = 25
HUFFMAN_LENGTH: Final = 26
TOO_MANY_CODES: Final = 27
BAD_CATEGORY: Final = 28
INTERVAL_LENGTH: Final = 29

SCAN_BEFORE_FRAME: Final = 30
SCAN_LENGTH: Final = 31
SCAN_COMPONENTS: Final = 32
LARGE_MCU: Final = 33
BAD_BAND: Final = 34
AC_BEFORE_DC: Final = 35
DISCONTINUED: Final = 36
NO_HUFFMAN: Final = 37
NO_STEPS: Final = 38
TOO_SHORT: Final = 39
COMPONENT_MISSING: Final = 40

BAD_CODE: Final = 41
DATA_ENDS_EARLY: Final = 42
DATA_LEFT_OVER: Final = 43
NO_RESTART: Final = 44
"""A restart marker was due, another marker or the end came."""
FILE_ENDS_EARLY: Final = 45
DNL_LENGTH: Final = 46

STANDARD_TABLES: Final = 47
REPEATED_SCAN: Final = 48
BITS_MISSING: Final = 49
LOST_BEFORE: Final = 50
"""A scan refines what an earlier one lost."""
TOO_MANY_SCANS: Final = 51

CONDITIONING_LENGTH: Final = 60
BAD_CONDITIONING: Final = 61
BAD_DECISIONS: Final = 62
