"""The one form of every message about a file: which file, what is wrong, where, what to do."""

from typing import Final

__all__ = ["FETCH_AGAIN", "GIVE_JPEG", "RAISE_LIMIT", "RAISE_SCAN_LIMIT", "RE_ENCODE", "complaint", "located"]

FETCH_AGAIN: Final = "fetch the file again, or leave it out"
"""For a file that is not what its writer wrote."""
GIVE_JPEG: Final = "give a JPEG file"
"""For data of another format."""
RE_ENCODE: Final = "re-encode it as an 8-bit grayscale, YCbCr or RGB JPEG with Huffman coding"
"""For a sound file of a kind that is not read."""
RAISE_LIMIT: Final = "raise max_pixels if the file is to be trusted"
"""For a file that would take more memory than the caller allows."""
RAISE_SCAN_LIMIT: Final = "raise max_scans if the file is to be trusted"
"""For a file that would take more time than the caller allows."""


def complaint(source: str, reason: str, offset: int | None = None, marker: int = 0, advice: str = FETCH_AGAIN) -> str:
    """Write the message that refuses a file.

    Args:
        source: The file's path, or a stand-in for it such as ``<bytes>``.
        reason: What is wrong, without a full stop.
        offset: The byte of the file that shows it, where one does.
        marker: The second byte of the marker in force there, 0 for none.
        advice: What to do.

    Returns:
        The message.
    """
    return f"{source}: {located(reason, offset, marker)}; {advice}"


def located(reason: str, offset: int | None = None, marker: int = 0) -> str:
    """Say what is wrong, and where.

    Args:
        reason: As for `complaint`.
        offset: Likewise.
        marker: Likewise.

    Returns:
        The reason, with the marker and the offset behind it.
    """
    named = f"FF{marker:02X}, " if marker else ""
    return reason if offset is None else f"{reason} ({named}at byte {offset})"
