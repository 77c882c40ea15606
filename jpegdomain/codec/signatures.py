"""What data is that is not a JPEG file, by its first bytes."""

import re
from typing import Final

from .complaints import GIVE_JPEG

__all__ = ["SIGNATURE", "described"]

SIGNATURE: Final = 512
"""How many bytes `described` looks at."""

_PULL: Final = "run git lfs pull for the file itself"
_FETCH: Final = "fetch the image itself"

# At the beginning, unless the pattern says otherwise. The first that fits counts.
_SIGNATURES: Final[tuple[tuple[bytes, str, str], ...]] = (
    (rb"\x89PNG", "a PNG image", GIVE_JPEG),
    (rb"GIF8", "a GIF image", GIVE_JPEG),
    (rb"RIFF.{4}WEBP", "a WebP image", GIVE_JPEG),
    (rb"RIFF", "a RIFF container (sound or film)", GIVE_JPEG),
    (rb".{4}ftypavi[fs]", "an AVIF image", GIVE_JPEG),
    (rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "a HEIC image", GIVE_JPEG),
    (rb".{4}ftypcrx ", "a Canon CR3 raw image", GIVE_JPEG),
    (rb".{4}ftyp", "an MP4 or QuickTime film", GIVE_JPEG),
    (rb"\xff\x0a", "a JPEG XL codestream", GIVE_JPEG),
    (rb"\x00\x00\x00\x0cJXL ", "a JPEG XL image", GIVE_JPEG),
    (rb"\x00\x00\x00\x0cjP", "a JPEG 2000 image", GIVE_JPEG),
    (rb"\xff\x4f\xff\x51", "a JPEG 2000 codestream", GIVE_JPEG),
    (rb"II\xbc\x01", "a JPEG XR image", GIVE_JPEG),
    (rb"II[*+]\x00|MM\x00[*+]", "a TIFF image, or a camera's raw file", GIVE_JPEG),
    (rb"BM", "a BMP image", GIVE_JPEG),
    (rb"8BPS", "a Photoshop document", GIVE_JPEG),
    (rb"\x00\x00\x01\x00", "an icon", GIVE_JPEG),
    (rb"P[1-7]\s", "a Netpbm image", GIVE_JPEG),
    (rb"%PDF", "a PDF document", GIVE_JPEG),
    (rb"PK\x03\x04", "a ZIP archive", "unpack it"),
    (rb"\x1f\x8b", "gzip-compressed", "unpack it"),
    (rb"\x93NUMPY", "a NumPy file", GIVE_JPEG),
    (rb"version https://git-lfs\.github\.com/", "a Git LFS pointer, not the file that it stands for", _PULL),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<(\?xml|!--).*)?<(!doctype html|html)", "an HTML page", _FETCH),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(head|body|script)", "an HTML page", _FETCH),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<(\?xml|!--|!doctype svg).*)?<svg", "an SVG image", GIVE_JPEG),
    (rb"(?i)(\xef\xbb\xbf)?\s*<\?xml|\s*<error", "an XML document, such as a server's error message", _FETCH),
    (rb'(\xef\xbb\xbf)?\s*\{\s*"', "a JSON document, such as a server's error message", _FETCH),
    (rb"HTTP/\d", "a server's answer with its headers", _FETCH),
    (rb"data:image/", "a data URL", "decode its base64 first"),
    (rb"/9j/", "base64 text of a JPEG file", "decode it first"),
    (rb"\x00{16}", "nothing but zero bytes at its beginning", "fetch the file again, or leave it out"),
)
_PATTERNS: Final = tuple((re.compile(pattern, re.DOTALL), name, advice) for pattern, name, advice in _SIGNATURES)
_SOI: Final = b"\xff\xd8\xff"


def described(beginning: bytes) -> tuple[str, str]:
    """Say what data is that does not begin as a JPEG file does, and what to do.

    Args:
        beginning: Its first `SIGNATURE` bytes.

    Returns:
        A sentence about it without a full stop, and the advice.
    """
    if not beginning:
        return "it is empty", GIVE_JPEG
    for pattern, name, advice in _PATTERNS:
        if pattern.match(beginning):
            return f"it is {name}", advice
    first = f"it begins with the bytes {beginning[:4].hex(' ').upper()} instead of FF D8"
    at = beginning.find(_SOI)
    if at > 0:
        return f"{first}; a JPEG file begins at byte {at}", f"leave out the {at} bytes before it"
    return first, GIVE_JPEG
