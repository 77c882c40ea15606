"""The one form of every message about a file: which file, what is wrong, where, what to do."""

from typing import Final

__all__ = ["FETCH_AGAIN", "GIVE_JPEG", "RE_ENCODE", "complaint"]

FETCH_AGAIN: Final = "fetch the file again, or leave it out"
"""For a file that is not what its writer wrote."""
GIVE_JPEG: Final = "give a JPEG file"
"""For data of another format."""
RE_ENCODE: Final = "re-encode it as an 8-bit grayscale, YCbCr or RGB JPEG with Huffman coding"
"""For a sound file of a kind that is not read."""


def complaint(source: str, reason: str, offset: int | None = None, advice: str = FETCH_AGAIN) -> str:
    """Write the message that refuses a file.

    Args:
        source: The file's path, or a stand-in for it such as ``<bytes>``.
        reason: What is wrong, without a full stop.
        offset: The byte of the file that shows it, where one does.
        advice: What to do.

    Returns:
        The message.
    """
    where = "" if offset is None else f" (at byte {offset})"
    return f"{source}: {reason}{where}; {advice}"
