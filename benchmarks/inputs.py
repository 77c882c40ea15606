"""The input stage beside what a user would pick instead: JPEG bytes in memory to a normalised float32 batch.

    python -m benchmarks.inputs --files "Imagenette=FOLDER" --whole "CIFAR-10=FOLDER" --photographs "ImageNet=FOLDER"

Resize(256) and CenterCrop(224) bring ``--files`` to 224×224. They do the same to the large files among
``--photographs`` and to a 12-megapixel file made from them, one file at a time. ``--whole`` files all have one size and
are used as they are. Times are in milliseconds per file, on one thread, the sides taking turns. A ratio is the other
side's time over ours, so it says how many times as fast ours is: the median (smallest…largest) over the rounds.
Differences are mean absolute differences in levels of 0…255. Decoders and resizers of other packages take part where
they are installed: `benchmarks.rivals` names them.
"""

import io
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

import jpegdomain as jd
from benchmarks.files import EMBEDDED, large_photograph, spread
from benchmarks.rivals import Rival, rivals
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments
from jpegdomain.codec import read_header
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD, to_pixels
from jpegdomain.preprocess import CenterCrop, Compose, Resize, keep_for

__all__ = ["main"]

_OURS = "jpegdomain"
_LOW = "jpegdomain, low frequencies"
_UINT8 = "torchvision, uint8"
_TOGETHER = "torchvision, uint8, normalised as a batch"
_SHORT, _CROP = 256, 224

Side = Callable[[], Iterator[Any]]
_MEAN, _STD = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
_SCALE, _SHIFT = 1 / (255 * _STD), -_MEAN / _STD


def _drained(side: Side) -> Callable[[], None]:
    """Run through the batches; each is freed before the next is made, as in a program that uses and drops them."""

    def run() -> None:
        for _ in side():
            pass

    return run


def _batches(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _decoded(tensor: Tensor) -> Tensor:
    return decode_jpeg(tensor, mode=ImageReadMode.RGB)


class Stage:
    """Every side of one set of files.

    Args:
        files: The files.
        batch: Number of files in one tensor.
        resized: Whether they are resized to 224×224, or used as they are.
        threads: Number of threads of each side.
    """

    def __init__(self, files: Sequence[bytes], batch: int, *, resized: bool, threads: int = 1) -> None:
        self.files = _batches(files, batch)
        self.tensors = _batches([torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files], batch)
        self.threads = threads
        steps = [Resize(_SHORT), CenterCrop(_CROP)]
        self.exact = Compose(steps) if resized else None
        self.low = Compose(steps, low_frequencies=True)
        geometry = [v2.Resize(_SHORT, antialias=True), v2.CenterCrop(_CROP)] if resized else []
        self.geometry = v2.Compose(geometry or [v2.Identity()])
        self.number = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)])
        inplace = v2.Normalize(IMAGENET_MEAN, IMAGENET_STD, inplace=True)
        self.number_inplace = v2.Compose([v2.ToDtype(torch.float32, scale=True), inplace])

    def ours(self) -> Iterator[Tensor]:
        """Exact pixels."""
        return (self._pixels(self._read(part), self.exact) for part in self.files)

    def low_frequencies(self) -> Iterator[Tensor]:
        """Pixels from only those frequencies that the smaller image can show; their number follows from the headers."""
        return (self._pixels(self._read(part, self.keep(part)), self.low) for part in self.files)

    def keep(self, files: Sequence[bytes]) -> int:
        """The number of these frequencies along each side of a block."""
        return max(keep_for(self.low, read_header(file)) for file in files)

    def _read(self, files: Sequence[bytes], keep: int = 8) -> list[jd.JpegImage]:
        return jd.read_jpegs(files, threads=self.threads, keep=keep)

    def _pixels(self, images: list[jd.JpegImage], preprocess: Compose | None) -> Tensor:
        return to_pixels(jd.collate(images, preprocess=preprocess), "rgb", _SCALE, _SHIFT)

    def read(self) -> Iterator[Any]:
        """Entropy decoding alone."""
        return (self._read(part) for part in self.files)

    def placed(self) -> Iterator[Any]:
        """Entropy decoding and the geometry of each image, without pixels."""
        return (jd.collate(self._read(part), preprocess=self.exact) for part in self.files)

    def decoded(self) -> Iterator[Any]:
        """Torchvision's decoding alone."""
        return (self._each(_decoded, part) for part in self.tensors)

    def uint8(self) -> Iterator[Tensor]:
        """Every step file by file, resized as uint8: what torchvision recommends."""
        return (torch.stack(self._each(lambda t: self.number(self.geometry(_decoded(t))), p)) for p in self.tensors)

    def together(self) -> Iterator[Tensor]:
        """The same, but with one conversion and normalisation for the whole batch, in place."""
        parts = (torch.stack(self._each(lambda t: self.geometry(_decoded(t)), part)) for part in self.tensors)
        return (self.number_inplace(part) for part in parts)

    def floats(self) -> Iterator[Tensor]:
        """Resized as float32: only the decoder rounds to whole levels, and nothing after it."""

        def one(tensor: Tensor) -> Tensor:
            return self.geometry(v2.functional.to_dtype(_decoded(tensor), torch.float32, scale=True))

        parts = (torch.stack(self._each(one, part)) for part in self.tensors)
        return (v2.functional.normalize(part, list(IMAGENET_MEAN), list(IMAGENET_STD), inplace=True) for part in parts)

    def pillow(self, draft: bool = False) -> Iterator[Tensor]:
        """Pillow's decoding and resizing; a draft is decoded at ½, ¼ or ⅛ of the size where that is large enough."""

        def one(file: bytes) -> Tensor:
            with Image.open(io.BytesIO(file)) as image:
                if draft:
                    image.draft("RGB", (_SHORT, _SHORT))
                pixels = self.geometry(image.convert("RGB"))
                return torch.from_numpy(np.asarray(pixels).copy()).permute(2, 0, 1)

        return (self.number_inplace(torch.stack(self._each(one, part)).contiguous()) for part in self.files)

    def rival(self, rival: Rival) -> Iterator[Tensor]:
        """Another package's decoding and resizing."""
        return (rival(part) for part in self.files)

    def _each(self, call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        if self.threads == 1:
            return [call(item) for item in items]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(call, items))


def _difference(one: Iterable[Tensor], two: Iterable[Tensor]) -> dict[str, float]:
    """Return the median and the largest of the files' mean absolute differences."""
    means = []
    for a, b in zip(one, two, strict=True):
        means += ((a - b).abs() * (255 * _STD).view(3, 1, 1)).mean((1, 2, 3)).tolist()
    return {"median": statistics.median(means), "largest": max(means)}


def _measured(sides: dict[str, Side], files: int, repeats: int) -> dict[str, Any]:
    seconds = interleaved({name: _drained(side) for name, side in sides.items()}, repeats)
    ours = [name for name in (_OURS, _LOW) if name in sides]
    return {
        "median_ms": {name: 1e3 * statistics.median(rounds) / files for name, rounds in seconds.items()},
        "ratios": {
            mine: {name: ratio(rounds, seconds[mine]) for name, rounds in seconds.items() if name not in ours}
            for mine in ours
        },
    }


def _compare(files: Sequence[bytes], batch: int, repeats: int, *, resized: bool, large: bool) -> dict[str, Any]:
    """Compare all sides on one set of files.

    Returns:
        Milliseconds per file, ratios, the times of our parts and of torchvision's, differences, and the times on two
        threads.
    """
    torch.set_num_threads(1)
    stage = Stage(files, batch, resized=resized)
    sides: dict[str, Side] = {_OURS: stage.ours, _UINT8: stage.uint8, _TOGETHER: stage.together}
    if large:
        sides |= {_LOW: stage.low_frequencies}
    if resized:
        sides |= {"torchvision, float": stage.floats, "Pillow": stage.pillow}
        sides |= {"Pillow, draft": lambda: stage.pillow(draft=True)}
        sides |= {name: partial(stage.rival, rival) for name, rival in rivals().items()}
    result = {"files": len(files), "bytes": sum(map(len, files))} | _measured(sides, len(files), repeats)
    parts: dict[str, Side] = {
        "entropy decoding": stage.read,
        "and collating": stage.placed,
        "and pixels": stage.ours,
        "torchvision's decoding": stage.decoded,
    }
    result["parts_ms"] = _measured(parts, len(files), repeats)["median_ms"]
    exact = list(stage.ours())
    result["difference"] = {name: _difference(exact, side()) for name, side in sides.items() if name != _OURS}
    if large:
        result["keep"] = [stage.keep(part) for part in stage.files]
    result["two_threads"] = _two_threads(files, batch, repeats, resized=resized)
    return result


def _two_threads(files: Sequence[bytes], batch: int, repeats: int, *, resized: bool) -> dict[str, Any]:
    many = list(files) * -(-batch // len(files))
    torch.set_num_threads(2)
    stage = Stage(many, batch, resized=resized, threads=2)
    result = _measured({_OURS: stage.ours, _UINT8: stage.uint8, _TOGETHER: stage.together}, len(many), repeats)
    torch.set_num_threads(1)
    return result


def _show(title: str, result: dict[str, Any]) -> None:
    print(title)
    for name, median in result["median_ms"].items():
        compared = [result["ratios"][mine].get(name) for mine in result["ratios"]]
        ratios = ["{median:>8.2f} ({smallest:.2f}…{largest:.2f})".format(**one) for one in compared if one]
        print(f"  {name:<44}{median:>9.3f} ms{''.join(ratios)}")
    for name, median in result.get("parts_ms", {}).items():
        print(f"    {name:<42}{median:>9.3f} ms")
    for name, levels in result.get("difference", {}).items():
        print(f"    to {name:<39}{levels['median']:>9.3f} levels, at most {levels['largest']:.3f}")


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.inputs", __doc__)
    for option, text in (
        ("--files", "a set of files to resize and crop to 224×224"),
        ("--whole", "a set of files of one size, used as they are"),
        ("--photographs", "a set of files, the large ones of which are compared one by one"),
    ):
        parser.add_argument(option, action="append", metavar="NAME=FOLDER", default=[], help=text)
    parser.add_argument("--limit", type=int, default=500, help="files from each set (default 500)")
    parser.add_argument("--batch", type=int, default=50, help="files per batch (default 50)")
    parser.add_argument("--whole-batch", type=int, default=40, help="files per batch for --whole (default 40)")
    parser.add_argument(
        "--megapixels", type=float, default=0.8, help="megapixels from which a photograph counts as large (default 0.8)"
    )
    parser.add_argument("--repeats", type=int, default=11, help="counted rounds (default 11)")
    parser.add_argument("--output", type=Path, default=Path("results/inputs.json"), help="default results/inputs.json")
    options = parser.parse_args(given)
    if not (options.files or options.whole or options.photographs):
        options.whole = [f"digits={EMBEDDED}"]

    def sets(given: list[str]) -> dict[str, list[bytes]]:
        pairs = (text.partition("=")[::2] for text in given)
        return {name: spread(Path(folder), options.limit) for name, folder in pairs}

    result: dict[str, Any] = {}

    def add(name: str, files: Sequence[bytes], batch: int, *, resized: bool = True, large: bool = False) -> None:
        result[name] = _compare(files, batch, options.repeats, resized=resized, large=large)
        _show(f"{name}: {len(files)} files, batches of {batch}", result[name])
        _show("  two threads", result[name]["two_threads"])

    for name, files in sets(options.files).items():
        add(name, files, options.batch)
    for name, files in sets(options.whole).items():
        add(name, files, options.whole_batch, resized=False)
    for name, files in sets(options.photographs).items():
        add(name, files, options.batch)
        sizes = [jd.read_jpeg(file, keep=1).extent for file in files]
        large = [
            file
            for file, extent in zip(files, sizes, strict=True)
            if extent.height * extent.width >= 1e6 * options.megapixels
        ]
        if large:
            add(f"{name}, {options.megapixels:g} megapixels and more", large, 1, large=True)
        add(f"{name}: one of 12 megapixels", [large_photograph(files)], 1, large=True)
    settings = {name: value for name, value in vars(options).items() if name != "output"}
    # Names only: a report does not show the folders of the machine.
    for name in ("files", "whole", "photographs"):
        settings[name] = [text.partition("=")[0] for text in settings[name]]
    write(options.output, "inputs", settings, result)


if __name__ == "__main__":
    main()
