"""The messages for the kernel's fault codes: for each the class of error, the reason, and what to do."""

from typing import Final

from jpegdomain.errors import (
    DamagedJpegError,
    JpegFileError,
    JpegTooLargeError,
    NotJpegError,
    TruncatedJpegError,
    UnsupportedJpegError,
)

from .kernel import fault_codes as codes
from .messages import FETCH_AGAIN, RAISE_SCAN_LIMIT, RE_ENCODE, describe, locate, message

__all__ = ["error_of", "warning_of"]

# In the reasons: {0}…{3} are the fault's details, {marker} its marker.
_DAMAGED: Final = {
    codes.NO_MARKER: "found byte {0:02X} where a marker must begin",
    codes.MISPLACED_MARKER: "marker FF{marker:02X} is not allowed here",
    codes.BAD_LENGTH: "segment FF{marker:02X} gives its length as {0}",
    codes.RESERVED_MARKER: "reserved marker FF{marker:02X}",
    codes.FRAME_LENGTH: "the frame header has the wrong length",
    codes.BAD_PRECISION: "{0} bits per sample",
    codes.NO_COMPONENTS: "the frame has no components",
    codes.NO_WIDTH: "the image has no width",
    codes.SAME_IDENTIFIER: "two components have the same identifier",
    codes.BAD_FACTOR: "a sampling factor is not in 1…4",
    codes.SECOND_FRAME: "a second frame begins",
    codes.NO_HEIGHT: "the image has no height, and no DNL segment after the first scan gives it",
    codes.OTHER_HEIGHT: "a DNL segment says {0} lines, but the image has {1}",
    codes.DNL_LENGTH: "a DNL segment comes before the frame, or has the wrong length",
    codes.BAD_STEPS_SLOT: "quantisation table with precision {0} in slot {1}",
    codes.STEPS_LENGTH: "a quantisation table is longer than its segment",
    codes.ZERO_STEP: "a quantisation table has a step of 0",
    codes.BAD_HUFFMAN_SLOT: "Huffman table of class {0} in slot {1}",
    codes.HUFFMAN_LENGTH: "a Huffman table is longer than its segment",
    codes.TOO_MANY_CODES: "a Huffman table has more codes than its code lengths allow",
    codes.BAD_CATEGORY: "a Huffman table for DC has a category above 15",
    codes.CONDITIONING_LENGTH: "the arithmetic conditioning's segment has the wrong length",
    codes.BAD_CONDITIONING: "arithmetic conditioning {1} for table {0} is not allowed",
    codes.INTERVAL_LENGTH: "the restart interval's segment has the wrong length",
    codes.SCAN_BEFORE_FRAME: "a scan comes before the frame header",
    codes.SCAN_LENGTH: "a scan header has the wrong length",
    codes.SCAN_COMPONENTS: "a scan names a component twice, or one that is not in the frame",
    codes.LARGE_MCU: "an interleaved scan has more than 10 blocks in an MCU",
    codes.BAD_BAND: "a scan with Ss {0}, Se {1}, Ah {2}, Al {3} is not allowed here",
    codes.AC_BEFORE_DC: "component {0} has AC before DC coefficients",
    codes.DISCONTINUED: "a scan does not continue the earlier scans of component {0}",
    codes.NO_HUFFMAN: "a scan needs {table} Huffman table {1}, which is not defined",
    codes.NO_STEPS: "component {0} needs table {1}, which no DQT defines",
    codes.TOO_SHORT: "a scan of {0} bits is too short for its blocks, which take {1}",
    codes.BAD_CODE: "the compressed data has a code that is not in its tables, or a block of more than 64 coefficients",
    codes.BAD_DECISIONS: "the data gives a block of more than 64 coefficients, or a coefficient of more than 15 bits",
    codes.DATA_ENDS_EARLY: "the compressed data ends before its last block",
    codes.DATA_LEFT_OVER: "compressed data is left over after its last block",
    codes.NO_RESTART: "found marker FF{marker:02X} where restart marker FF{0:02X} belongs",
    codes.LOST_BEFORE: "a scan refines blocks that an earlier scan lost",
}

_TRUNCATED: Final = {
    codes.ENDS_BEFORE_EOI: "the file ends before its end-of-image marker",
    codes.ENDS_IN_SEGMENT: "the file ends inside segment FF{marker:02X}",
    codes.FILE_ENDS_EARLY: "the file ends inside the compressed data, before its end-of-image marker",
    codes.NO_IMAGE: "the file holds no image: it has no scan",
    codes.COMPONENT_MISSING: "no scan holds component {0}",
}

_UNSUPPORTED: Final = {
    codes.KIND_NOT_READ: "{kind} JPEG is not supported",
    codes.PRECISION_NOT_READ: "12-bit JPEG is not supported",
    codes.MANY_COMPONENTS: "files with {0} components are not supported",
}

_TOO_LARGE: Final = {codes.TOO_MANY_SCANS: "there are more scans than max_scans={0}"}

# Faults that have another text as warnings, and faults that are always tolerated.
_WARNINGS: Final = {
    codes.NO_MARKER: "{1} bytes that belong to no segment",
    codes.COMPONENT_MISSING: "no scan holds component {0}: its coefficients are zero",
    codes.STANDARD_TABLES: "{table} Huffman table {1} of a scan is not defined: the one in T.81 K.3.3 is used",
    codes.REPEATED_SCAN: "a scan repeats data of earlier scans",
    codes.BITS_MISSING: "{1} of 64 coefficients of component {0} are missing, or lack some of their bits",
}

_REASONS: Final = {
    code: (kind, reason, advice)
    for kind, reasons, advice in (
        (DamagedJpegError, _DAMAGED, FETCH_AGAIN),
        (TruncatedJpegError, _TRUNCATED, FETCH_AGAIN),
        (UnsupportedJpegError, _UNSUPPORTED, RE_ENCODE),
        (JpegTooLargeError, _TOO_LARGE, RAISE_SCAN_LIMIT),
    )
    for code, reason in reasons.items()
}


def error_of(source: str, beginning: bytes, fault: int, offset: int, marker: int, details: list[int]) -> JpegFileError:
    """Make the error for a fault at the byte `offset` under `marker`, with four details for its message."""
    if fault == codes.NOT_JPEG:
        reason, advice = describe(beginning)
        return NotJpegError(message(source, f"not a JPEG file: {reason}", advice=advice))
    kind, reason, advice = _REASONS[fault]
    return kind(message(source, _format(reason, marker, details), offset, marker, advice))


def warning_of(fault: int, offset: int, marker: int, details: list[int]) -> str:
    """Write the warning for a fault that loses no coefficient, without the file's name; arguments as for `error_of`."""
    reason = _WARNINGS[fault] if fault in _WARNINGS else _REASONS[fault][1]
    return locate(_format(reason, marker, details), offset, marker)


def _format(reason: str, marker: int, details: list[int]) -> str:
    return reason.format(*details, marker=marker, kind=_kind(details[0]), table="AC" if details[0] else "DC")


def _kind(marker: int) -> str:
    """Name the kind of a frame that is not read (T.81 table B.1)."""
    if marker in {0xDE, 0xF7}:
        # These markers announce a kind of frame without starting one.
        return "hierarchical" if marker == 0xDE else "JPEG-LS"
    bits = {"hierarchical": marker & 4, "arithmetic-coded": marker & 8, "lossless": marker & 3 == 3}
    return " ".join(name for name, bit in bits.items() if bit)
