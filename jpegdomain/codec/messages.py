"""Messages about files, in one form: which file, what is wrong, where, what to do; and what data is if not JPEG."""

import re
from typing import Final

__all__ = ["FETCH_AGAIN", "RAISE_LIMIT", "RAISE_SCAN_LIMIT", "RE_ENCODE", "SIGNATURE", "describe", "locate", "message"]

FETCH_AGAIN: Final = "fetch the file again, or leave it out"  # the file is not what its writer wrote
RE_ENCODE: Final = (
    "re-encode it as an 8-bit grayscale, YCbCr or RGB JPEG with Huffman coding"  # a kind that is not read
)
RAISE_LIMIT: Final = "raise max_pixels if you trust the file"  # more memory than the caller allows
RAISE_SCAN_LIMIT: Final = "raise max_scans if you trust the file"  # more time than the caller allows
_GIVE_JPEG: Final = "pass a JPEG file"

SIGNATURE: Final = 512
"""How many bytes `describe` looks at."""

_PULL: Final = "run git lfs pull to get the file itself"
_FETCH: Final = "download the image itself"

# Patterns match at the beginning of the data; the first that matches counts.
_SIGNATURES: Final[tuple[tuple[bytes, str, str], ...]] = (
    (rb"\x89PNG", "a PNG image", _GIVE_JPEG),
    (rb"GIF8", "a GIF image", _GIVE_JPEG),
    (rb"RIFF.{4}WEBP", "a WebP image", _GIVE_JPEG),
    (rb"RIFF", "a RIFF container (audio or video)", _GIVE_JPEG),
    (rb".{4}ftypavi[fs]", "an AVIF image", _GIVE_JPEG),
    (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "a HEIC image", _GIVE_JPEG),
    (rb".{4}ftypcrx ", "a Canon CR3 raw image", _GIVE_JPEG),
    (rb".{4}ftyp", "an MP4 or QuickTime video", _GIVE_JPEG),
    (rb"\xff\x0a", "a JPEG XL codestream", _GIVE_JPEG),
    (rb"\x00\x00\x00\x0cJXL ", "a JPEG XL image", _GIVE_JPEG),
    (rb"\x00\x00\x00\x0cjP", "a JPEG 2000 image", _GIVE_JPEG),
    (rb"\xff\x4f\xff\x51", "a JPEG 2000 codestream", _GIVE_JPEG),
    (rb"II\xbc\x01", "a JPEG XR image", _GIVE_JPEG),
    (rb"II[*+]\x00|MM\x00[*+]", "a TIFF image, or a camera's raw file", _GIVE_JPEG),
    (rb"BM", "a BMP image", _GIVE_JPEG),
    (rb"8BPS", "a Photoshop document", _GIVE_JPEG),
    (rb"\x00\x00\x01\x00", "an icon", _GIVE_JPEG),
    (rb"P[1-7]\s", "a Netpbm image", _GIVE_JPEG),
    (rb"%PDF", "a PDF document", _GIVE_JPEG),
    (rb"PK\x03\x04", "a ZIP archive", "unpack it"),
    (rb"\x1f\x8b", "a gzip-compressed file", "unpack it"),
    (rb"\x93NUMPY", "a NumPy file", _GIVE_JPEG),
    (rb"version https://git-lfs\.github\.com/", "a Git LFS pointer instead of the file itself", _PULL),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<(\?xml|!--).*)?<(!doctype html|html)", "an HTML page", _FETCH),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(head|body|script)", "an HTML page", _FETCH),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<(\?xml|!--|!doctype svg).*)?<svg", "an SVG image", _GIVE_JPEG),
    (rb"(?i)(\xef\xbb\xbf)?\s*<\?xml|\s*<error", "an XML document, such as a server's error message", _FETCH),
    (rb'(\xef\xbb\xbf)?\s*\{\s*"', "a JSON document, such as a server's error message", _FETCH),
    (rb"HTTP/\d", "a server's answer with its headers", _FETCH),
    (rb"data:image/", "a data URL", "decode its base64 first"),
    (rb"/9j/", "base64 text of a JPEG file", "decode it first"),
    (rb"\x00{16}", "all zero bytes at the beginning", FETCH_AGAIN),
)
_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), name, advice) for pattern, name, advice in _SIGNATURES)
_SOI: Final = b"\xff\xd8\xff"


def describe(beginning: bytes) -> tuple[str, str]:
    """Identify data that is not a JPEG file by its first `SIGNATURE` bytes. Returns a sentence and what to do."""
    if not beginning:
        return "it is empty", _GIVE_JPEG
    for pattern, name, advice in _PATTERNS:
        if pattern.match(beginning):
            return f"it is {name}", advice
    first = f"it begins with the bytes {beginning[:4].hex(' ').upper()} instead of FF D8"
    at = beginning.find(_SOI)
    if at > 0:
        return f"{first}; a JPEG file begins at byte {at}", f"leave out the {at} bytes before it"
    return first, _GIVE_JPEG


def message(source: str, reason: str, offset: int | None = None, marker: int = 0, advice: str = FETCH_AGAIN) -> str:
    """Write an error message about a file: why, at which byte, under which marker, what to do."""
    return f"{source}: {locate(reason, offset, marker)}; {advice}"


def locate(reason: str, offset: int | None = None, marker: int = 0) -> str:
    """Add marker and offset to a reason."""
    named = f"FF{marker:02X}, " if marker else ""
    return reason if offset is None else f"{reason} ({named}at byte {offset})"
