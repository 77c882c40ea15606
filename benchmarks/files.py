"""The files that the benchmarks read: a folder's files, the same re-encoded as progressive, and a large photograph."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["EMBEDDED", "large_photograph", "recoded", "spread"]

EMBEDDED = Path(__file__).parent.parent / "experiments" / "embedded" / "digits"
"""Small files that come with the repository."""

_LARGE = (4000, 3000)


def spread(folder: Path, limit: int) -> list[bytes]:
    """Read files from a folder and its subfolders, evenly spread over the sorted paths.

    Returns:
        The files' bytes.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if not paths:
        raise SystemExit(f"{folder} holds no JPEG files: give a folder of .jpg or .jpeg files")
    count = min(limit, len(paths))
    return [paths[i * len(paths) // count].read_bytes() for i in range(count)]


def recoded(file: bytes, progressive: bool) -> bytes:
    """Re-encode a file with the same tables and sampling.

    Args:
        file: A JPEG file.
        progressive: Whether to use libjpeg's default progressive scan script; else the result is a baseline file.
    """
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(file)) as image:
        image.save(buffer, "JPEG", quality="keep", progressive=progressive)
    return buffer.getvalue()


def large_photograph(files: list[bytes]) -> bytes:
    """Make a photograph of 12 megapixels: a small one enlarged, with sensor noise, at quality 88 and 4:2:0."""
    with Image.open(io.BytesIO(max(files, key=len))) as image:
        enlarged = np.asarray(image.convert("RGB").resize(_LARGE, Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(0).normal(0, 4, enlarged.shape).astype(np.float32)
    pixels = np.clip(enlarged + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88, subsampling="4:2:0")
    return buffer.getvalue()
