"""The one form of every message about a file: which file, what is wrong, where, what to do."""

from typing import Final

__all__ = ["FETCH_AGAIN", "GIVE_JPEG", "RAISE_LIMIT", "RE_ENCODE", "complaint"]

FETCH_AGAIN: Final = "fetch the file again, or leave it out"
"""For a file that is not what its writer wrote."""
GIVE_JPEG: Final = "give a JPEG file"
"""For data of another format."""
RE_ENCODE: Final = "re-encode it as an 8-bit grayscale, YCbCr or RGB JPEG with Huffman coding"
"""For a sound file of a kind that is not read."""
RAISE_LIMIT: Final = "raise max_pixels if the file is to be trusted"
"""For a file that would take more memory than the caller allows."""


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
    named = f"FF{marker:02X}, " if marker else ""
    where = "" if offset is None else f" ({named}at byte {offset})"
    return f"{source}: {reason}{where}; {advice}"
