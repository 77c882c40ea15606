"""Reading regions: a tile of a large image, a large image on two threads, crops in the second pass over a data set.

    python -m benchmarks.regions --files FOLDER

The large image is a mosaic of the folder's photographs, as 4:2:0 at quality 90. Times are medians over rounds in which
all sides take turns; ratios compare with reading the whole file in the same round. Passes over data sets go from disk
to pixels: batches of eight, RandomResizedCrop(224), one thread, without and with indexes, which the first pass makes.
"""

import io
import itertools
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader

import jpegdomain as jd
from benchmarks.files import EMBEDDED, large_photograph, spread
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments
from jpegdomain.codec import index_jpeg

_PHOTOGRAPH = (1020, 680)
_WHOLE = "whole"
_PLAIN = "without indexes"
_BATCH = 8
_BANDS = {"below 75 kB": 75, "75 to 150 kB": 150, "150 kB and more": 10**9}
"""Upper limits, in kB, of the groups of files that are compared together."""
_LARGE = "12 megapixels"


def mosaic(files: Sequence[bytes], across: int, down: int) -> bytes:
    """Make an image of across × down photographs of 0.7 megapixels each, cycling through the files."""
    width, height = _PHOTOGRAPH
    picture = Image.new("RGB", (across * width, down * height))
    for number in range(across * down):
        with Image.open(io.BytesIO(files[number % len(files)])) as image:
            tile = image.convert("RGB").resize(_PHOTOGRAPH, Image.Resampling.LANCZOS)
        picture.paste(tile, (number % across * width, number // across * height))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, subsampling="4:2:0")
    return buffer.getvalue()


def _compare(file: bytes, side: int, path: Path, repeats: int) -> dict[str, Any]:
    """Time all ways of reading the file or a tile in its middle.

    Returns:
        Sizes, milliseconds for each way, and ratios to reading the whole file.
    """
    path.write_bytes(file)
    index = index_jpeg(file)
    restarts = jd.write_jpeg(jd.read_jpeg(file), restart="row")
    height, width = jd.read_jpeg(file).extent
    # An offset at which no MCU begins.
    tile = (height // 2 - side // 2 + 3, width // 2 - side // 2 + 5, side, side)
    seconds = interleaved(
        {
            _WHOLE: lambda: jd.read_jpeg(file),
            "whole, index, two threads": lambda: jd.read_jpeg(file, index=index, threads=2),
            "whole, restart markers, two threads": lambda: jd.read_jpeg(restarts, threads=2),
            "tile, index": lambda: jd.read_jpeg(file, region=tile, index=index),
            "tile, index, from disk": lambda: jd.read_jpeg(path, region=tile, index=index),
            "tile, restart markers": lambda: jd.read_jpeg(restarts, region=tile),
            "tile": lambda: jd.read_jpeg(file, region=tile),
            "index": lambda: index_jpeg(file),
        },
        repeats,
    )
    return {
        "megapixels": height * width / 1e6,
        "bytes": len(file),
        "index_bytes": len(index.to_bytes()),
        "restart_bytes": len(restarts),
        "milliseconds": {name: 1000 * statistics.median(times) for name, times in seconds.items()},
        "ratios": {name: ratio(times, seconds[_WHOLE]) for name, times in seconds.items() if name != _WHOLE},
    }


def passes(files: Sequence[bytes], folder: Path, repeats: int) -> dict[str, Any]:
    """Time passes over files that are cropped at random: without indexes, while making them, and with existing ones.

    Returns:
        Milliseconds for each file, and ratios to the passes without indexes.
    """
    folder.mkdir()
    paths = []
    for number, file in enumerate(files):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(file)
    crop, kept = jd.preprocess.RandomResizedCrop(224), folder / "kept"
    # Each pass has a new folder, since the time of emptying an old one would count.
    new = (folder / f"new{number}" for number in itertools.count())

    def run(indexes: Path | None = None, seed: int = 0) -> torch.Tensor:
        dataset = jd.JpegDataset(paths, preprocess=crop, indexes=indexes)
        if dataset.indexes is not None:
            # Index all sizes, so that the result also shows files for which an index does not pay.
            dataset.indexes.smallest = 0
        torch.manual_seed(seed)
        return torch.cat([pixels for pixels, _ in DataLoader(dataset, _BATCH, collate_fn=jd.PixelCollate())])

    for seed in (0, 1):
        assert torch.equal(run(seed=seed), run(kept, seed))
    sides = {_PLAIN: run, "indexes, first pass": lambda: run(next(new)), "indexes, second pass": lambda: run(kept)}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = interleaved(sides, repeats)
    torch.set_num_threads(threads)
    return {
        "files": len(files),
        "bytes": sum(map(len, files)),
        "index_bytes": sum(path.stat().st_size for path in kept.rglob("*.jpegindex")),
        "milliseconds": {name: 1000 * statistics.median(times) / len(files) for name, times in seconds.items()},
        "ratios": {name: ratio(times, seconds[_PLAIN]) for name, times in seconds.items() if name != _PLAIN},
    }


def _in_bands(files: Sequence[bytes], wanted: Sequence[str]) -> dict[str, list[bytes]]:
    """Group the files by size, at least a batch in each group, and add one of 12 megapixels."""
    bands: dict[str, list[bytes]] = {name: [] for name in _BANDS}
    for file in dict.fromkeys(files):
        bands[next(name for name, limit in _BANDS.items() if len(file) < 1000 * limit)].append(file)
    if _LARGE in wanted:
        bands[_LARGE] = [large_photograph(list(files))]
    return {name: (own * _BATCH)[: max(_BATCH, len(own))] for name, own in bands.items() if own and name in wanted}


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.regions", __doc__)
    parser.add_argument("--files", type=Path, default=EMBEDDED, help="a folder of photographs")
    parser.add_argument("--repeats", type=int, default=9, help="rounds (default 9)")
    parser.add_argument("--side", type=int, default=1024, help="height and width of the tile in pixels (default 1024)")
    parser.add_argument(
        "--grids",
        nargs="+",
        default=["4x4", "12x12"],
        metavar="AxB",
        help="photographs across and down the mosaic (default: 11 and 100 megapixels)",
    )
    names = [*_BANDS, _LARGE]
    parser.add_argument("--passes", nargs="+", default=names, choices=names, help="files in a pass (default: all)")
    parser.add_argument(
        "--output", type=Path, default=Path("results/regions.json"), help="default results/regions.json"
    )
    options = parser.parse_args(given)
    files = spread(options.files, 144)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for grid in options.grids:
            across, down = map(int, grid.split("x"))
            file = mosaic(files, across, down)
            measured = result[grid] = _compare(file, options.side, Path(folder) / "mosaic.jpg", options.repeats)
            print(f"{measured['megapixels']:.0f} MP, {measured['bytes'] / 1e6:.1f} MB, whole", end=" ")
            print(f"{measured['milliseconds'][_WHOLE]:.1f} ms; index {measured['index_bytes'] / 1e3:.0f} kB")
            for name, ratios in measured["ratios"].items():
                print(f"  {name}: {{median:.3f}} ({{smallest:.3f}}…{{largest:.3f}}) of the whole".format(**ratios))
        result["passes"] = {}
        for name, own in _in_bands(files, options.passes).items():
            measured = result["passes"][name] = passes(own, Path(folder) / name, options.repeats)
            print(f"{name}: {measured['files']} files, {measured['milliseconds'][_PLAIN]:.2f} ms each")
            for way, ratios in measured["ratios"].items():
                print(f"  {way}: {{median:.3f}} ({{smallest:.3f}}…{{largest:.3f}})".format(**ratios))
    write(options.output, "regions", {"repeats": options.repeats, "side": options.side}, result)


if __name__ == "__main__":
    main()
