"""What the kernel's faults say to a person: for each number the kind of error, the reason, and what to do."""

from typing import Final

from jpegdomain.errors import (
    DamagedJpegError,
    JpegFileError,
    JpegTooLargeError,
    NotJpegError,
    TruncatedJpegError,
    UnsupportedJpegError,
)

from .complaints import FETCH_AGAIN, RAISE_SCAN_LIMIT, RE_ENCODE, complaint, located
from .kernel import numbers as n
from .signatures import described

__all__ = ["error_of", "warning_of"]

_ADVICE: Final[dict[type[JpegFileError], str]] = {
    DamagedJpegError: FETCH_AGAIN,
    JpegTooLargeError: RAISE_SCAN_LIMIT,
    TruncatedJpegError: FETCH_AGAIN,
    UnsupportedJpegError: RE_ENCODE,
}

_KINDS: Final = {
    0xC3: "lossless",
    0xC5: "hierarchical",
    0xC6: "hierarchical",
    0xC7: "hierarchical lossless",
    0xCB: "arithmetic-coded lossless",
    0xCD: "hierarchical arithmetic-coded",
    0xCE: "hierarchical arithmetic-coded",
    0xCF: "hierarchical arithmetic-coded lossless",
    # These announce their kind of frame without being one.
    0xDE: "hierarchical",
    0xF7: "JPEG-LS",
}

# In the reasons: {0}…{3} are the fault's details, {marker} its marker.
_DAMAGED: Final = {
    n.NO_MARKER: "byte {0:02X} where a marker must begin",
    n.MISPLACED_MARKER: "marker FF{marker:02X} outside its place",
    n.BAD_LENGTH: "segment FF{marker:02X} gives its length as {0}",
    n.RESERVED_MARKER: "reserved marker FF{marker:02X}",
    n.FRAME_LENGTH: "the frame header has the wrong length",
    n.BAD_PRECISION: "{0} bits a sample",
    n.NO_COMPONENTS: "the frame has no components",
    n.NO_WIDTH: "the image has no width",
    n.SAME_IDENTIFIER: "two components have the same identifier",
    n.BAD_FACTOR: "a sampling factor is not in 1…4",
    n.SECOND_FRAME: "a second frame begins",
    n.NO_HEIGHT: "the image has no height, nor a DNL segment that gives it behind the first scan",
    n.OTHER_HEIGHT: "a DNL segment gives {0} lines to an image of {1}",
    n.DNL_LENGTH: "a DNL segment before the frame, or of the wrong length",
    n.BAD_STEPS_SLOT: "quantisation table with precision {0} in slot {1}",
    n.STEPS_LENGTH: "a quantisation table is longer than its segment",
    n.ZERO_STEP: "a quantisation table has a step of 0",
    n.BAD_HUFFMAN_SLOT: "Huffman table of class {0} in slot {1}",
    n.HUFFMAN_LENGTH: "a Huffman table is longer than its segment",
    n.TOO_MANY_CODES: "a Huffman table has more codes than there can be",
    n.BAD_CATEGORY: "a Huffman table for DC has a category above 15",
    n.CONDITIONING_LENGTH: "the arithmetic conditioning's segment has the wrong length",
    n.BAD_CONDITIONING: "arithmetic conditioning {1} for table {0} is not allowed",
    n.INTERVAL_LENGTH: "the restart interval's segment has the wrong length",
    n.SCAN_BEFORE_FRAME: "a scan comes before the frame header",
    n.SCAN_LENGTH: "a scan header has the wrong length",
    n.SCAN_COMPONENTS: "a scan names a component twice, or one that the frame has not",
    n.LARGE_MCU: "an interleaved scan has more than 10 blocks in an MCU",
    n.BAD_BAND: "a scan with Ss {0}, Se {1}, Ah {2}, Al {3} is not allowed here",
    n.AC_BEFORE_DC: "component {0} has AC before DC coefficients",
    n.DISCONTINUED: "a scan does not continue those before of component {0}",
    n.NO_HUFFMAN: "a scan needs {table} Huffman table {1}, not defined",
    n.NO_STEPS: "component {0} needs table {1}, which no DQT defines",
    n.TOO_SHORT: "a scan of {0} bits is too short for its blocks, which take {1}",
    n.BAD_CODE: "the compressed data holds a code that its tables do not, or a block of more than 64 coefficients",
    n.BAD_DECISIONS: "the data leads to a block of more than 64 coefficients, or to one of more than 15 bits",
    n.DATA_ENDS_EARLY: "the compressed data ends before its blocks",
    n.DATA_LEFT_OVER: "compressed data is left over behind its last block",
    n.NO_RESTART: "marker FF{marker:02X} where restart marker FF{0:02X} belongs",
    n.LOST_BEFORE: "a scan refines blocks that an earlier scan lost",
}

_TRUNCATED: Final = {
    n.ENDS_BEFORE_EOI: "the file ends before its end-of-image marker",
    n.ENDS_IN_SEGMENT: "the file ends inside segment FF{marker:02X}",
    n.FILE_ENDS_EARLY: "the file ends inside the compressed data, before its end-of-image marker",
    n.NO_IMAGE: "the file holds no image: it has no scan",
    n.COMPONENT_MISSING: "no scan holds component {0}",
}

_UNSUPPORTED: Final = {
    n.KIND_NOT_READ: "{kind} JPEG is not read",
    n.PRECISION_NOT_READ: "12-bit JPEG is not read",
    n.MANY_COMPONENTS: "{0} components are not read",
}

_TOO_LARGE: Final = {n.TOO_MANY_SCANS: "there are more scans than max_scans, {0}"}

# What is said differently where it is tolerated, or is tolerated always.
_WARNINGS: Final = {
    n.NO_MARKER: "{1} bytes that belong to no segment",
    n.KIND_NOT_READ: "conditioning of arithmetic coding in a file with Huffman coding",
    n.COMPONENT_MISSING: "no scan holds component {0}: its coefficients are zero",
    n.STANDARD_TABLES: "a scan needs {table} Huffman table {1}, not defined: the one of T.81 K.3.3 serves",
    n.REPEATED_SCAN: "a scan holds nothing but what has come before",
    n.BITS_MISSING: "of component {0}, {1} of 64 coefficients have not come, or not all of their bits",
}

_REASONS: Final[dict[int, tuple[type[JpegFileError], str]]] = {
    **{number: (DamagedJpegError, reason) for number, reason in _DAMAGED.items()},
    **{number: (TruncatedJpegError, reason) for number, reason in _TRUNCATED.items()},
    **{number: (UnsupportedJpegError, reason) for number, reason in _UNSUPPORTED.items()},
    **{number: (JpegTooLargeError, reason) for number, reason in _TOO_LARGE.items()},
}


def error_of(source: str, fault: int, offset: int, marker: int, details: list[int], beginning: bytes) -> JpegFileError:
    """Put a fault into words.

    Args:
        source: The file's path, or a stand-in for it.
        fault: One of `kernel.numbers`.
        offset: The byte of the file that shows it.
        marker: The second byte of the marker in force there, 0 for none.
        details: Four numbers.
        beginning: The file's first `SIGNATURE` bytes.

    Returns:
        The error, not raised.
    """
    if fault == n.NOT_JPEG:
        reason, advice = described(beginning)
        return NotJpegError(complaint(source, f"not a JPEG file: {reason}", advice=advice))
    kind, reason = _REASONS[fault]
    return kind(complaint(source, _filled(reason, marker, details), offset, marker, _ADVICE[kind]))


def warning_of(fault: int, offset: int, marker: int, details: list[int]) -> str:
    """Put a fault that costs nothing into words.

    Args:
        fault: As for `error_of`.
        offset: Likewise.
        marker: Likewise.
        details: Likewise.

    Returns:
        One line, without the file's name.
    """
    reason = _WARNINGS[fault] if fault in _WARNINGS else _REASONS[fault][1]
    return located(_filled(reason, marker, details), offset, marker)


def _filled(reason: str, marker: int, details: list[int]) -> str:
    kind = _KINDS.get(details[0], "this kind of")
    return reason.format(*details, marker=marker, kind=kind, table="AC" if details[0] else "DC")
