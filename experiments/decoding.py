"""How far `jpegdomain.decode_rgb` is from an 8-bit decoder: what rounding and clamping remove.

    python -m experiments.decoding FOLDER

For every JPEG file below the folder: mean and largest |difference| from Pillow's decoding, both as decoded and after
clamping to 0…255. The differences that remain after clamping come from rounding, and from libjpeg's clamping of each
component before the colour matrix.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib import arguments, markdown
from experiments.lib.environment import describe, save

__all__ = ["compare", "main", "table"]

_SUFFIXES = {".jpg", ".jpeg"}


def compare(path: Path) -> dict[str, Any]:
    """Compare one file's float decoding with Pillow's.

    Returns:
        Mean and largest |difference| in levels, unclamped and clamped, and the share of samples at 0 or 255.
    """
    image = jd.read_jpeg(path)
    levels = jd.decode_rgb(jd.collate([image]))[0].permute(1, 2, 0).numpy()
    with Image.open(path) as file:
        rounded = np.asarray(file.convert("RGB")).astype(np.float32)
    unclamped, clamped = np.abs(levels - rounded), np.abs(levels.clip(0, 255) - rounded)
    return {
        "file": path.name,
        "sampling": image.sampling,
        "mean": float(unclamped.mean()),
        "largest": float(unclamped.max()),
        "mean_clamped": float(clamped.mean()),
        "largest_clamped": float(clamped.max()),
        "share_at_0_or_255": float(((rounded == 0) | (rounded == 255)).mean()),
    }


def table(report: dict[str, Any]) -> str:
    """Write the differences over all files as a table."""
    result = report["result"]
    rows = [
        [f"{title} of {result['files']} ImageNet files"]
        + [f"{result[key][name]:.2f}" for name in ("mean", "mean_clamped")]
        + [f"{result[key][name]:.0f}" for name in ("largest", "largest_clamped")]
        for title, key in (("median", "median_over_files"), ("largest", "largest_over_files"))
    ]
    header = ["levels of 0…255", "mean difference", "once clamped", "largest difference", "once clamped"]
    return markdown.table(header, rows)


def main(given: list[str] | None = None) -> dict[str, Any]:
    """Run from the command line."""
    parser = arguments.parser("experiments.decoding", __doc__)
    parser.add_argument("folder", type=Path, help="folder of JPEG files, including its subfolders")
    parser.add_argument("--output", type=Path, default=Path("results/decoding.json"))
    options = parser.parse_args(given)
    paths = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise SystemExit(f"no .jpg or .jpeg file below {options.folder}")
    rows = [compare(path) for path in tqdm(paths, unit="file")]
    numbers = ("mean", "largest", "mean_clamped", "largest_clamped")
    result = {
        "files": len(rows),
        "median_over_files": {name: float(np.median([row[name] for row in rows])) for name in numbers},
        "largest_over_files": {name: max(row[name] for row in rows) for name in numbers},
        "rows": rows,
    }
    report = {
        "experiment": "decoding",
        "settings": {"folder": options.folder.name},
        "environment": describe(),
        "result": result,
    }
    save(report, options.output)
    for title, key in (("median", "median_over_files"), ("largest", "largest_over_files")):
        row = result[key]
        print(
            f"{title} over {len(rows)} files: mean |difference| {row['mean']:.3f} levels, clamped "
            f"{row['mean_clamped']:.3f}; largest {row['largest']:.1f}, clamped {row['largest_clamped']:.1f}"
        )
    print(f"wrote {options.output}")
    return report


if __name__ == "__main__":
    main()
