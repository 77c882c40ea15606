"""Reading coefficients beside decoding to pixels: from bytes in memory, on one thread, the sides taking turns.

    python -m benchmarks.codec --files "ImageNet files=FOLDER" --files "CIFAR-10=FOLDER"

Without --files, it reads the digits that come with the repository. Times are in milliseconds per file; ratios are
medians (smallest…largest) over the rounds. jpeglib reads from paths only, so it is given the same files on disk.
"""

import importlib.metadata
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision.io import decode_jpeg

import jpegdomain as jd
from benchmarks.files import EMBEDDED, large_photograph, recoded, spread
from benchmarks.timing import interleaved, ratio, write
from experiments.lib import arguments

_ONE = "jpegdomain"
_MANY = "jpegdomain, batch"
_TORCHVISION = "torchvision"
_BATCH = 64
_OPTIONAL = ("simplejpeg", "jpeglib")

_SCRIPT = """
import json, sys, time
start = time.perf_counter()
import torch, torchvision
libraries = time.perf_counter()
import jpegdomain as jd
imported = time.perf_counter()
jd.read_jpeg(sys.argv[1])
read = time.perf_counter()
print(json.dumps({"torch": libraries - start, "import": imported - libraries, "read": read - imported}))
"""

Sides = dict[str, Callable[[], object]]


def _there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _each(call: Callable[[Any], object], inputs: Sequence[Any]) -> Callable[[], None]:
    """Call the function on each in turn; each result is freed before the next call, as it usually is in programs."""

    def run() -> None:
        for one in inputs:
            call(one)

    return run


def _pillow(file: bytes) -> None:
    with Image.open(io.BytesIO(file)) as image:
        image.load()


def _pixel_sides(files: Sequence[bytes]) -> Sides:
    """Decoders that decode completely, to pixels."""
    tensors = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    sides: Sides = {_TORCHVISION: _each(decode_jpeg, tensors), "Pillow": _each(_pillow, files)}
    if _there("simplejpeg"):
        from simplejpeg import decode_jpeg as simple
        from simplejpeg import decode_jpeg_header

        colors = ["GRAY" if decode_jpeg_header(file)[2].upper() == "GRAY" else "RGB" for file in files]
        sides["simplejpeg"] = _each(lambda pair: simple(*pair), list(zip(files, colors, strict=True)))
    return sides


def _coefficient_sides(files: Sequence[bytes], folder: Path) -> Sides:
    sides: Sides = {
        _ONE: _each(jd.read_jpeg, files),
        _MANY: _each(jd.read_jpegs, [files[at : at + _BATCH] for at in range(0, len(files), _BATCH)]),
    }
    if _there("jpeglib"):
        import jpeglib

        paths = []
        for number, file in enumerate(files):
            paths.append(str(folder / f"{number}.jpg"))
            Path(paths[-1]).write_bytes(file)
        sides["jpeglib"] = _each(lambda path: jpeglib.read_dct(path).load(), paths)
    return sides


def _compare(files: Sequence[bytes], repeats: int) -> dict[str, Any]:
    """Time all sides on the same files.

    Returns:
        The number of files, their total bytes, milliseconds per file, and ratios to torchvision's decoding.
    """
    with tempfile.TemporaryDirectory() as folder:
        seconds = interleaved(_coefficient_sides(files, Path(folder)) | _pixel_sides(files), repeats)
    return _summary(seconds, len(files), {name: (name, _TORCHVISION) for name in seconds if name != _TORCHVISION}) | {
        "files": len(files),
        "bytes": sum(map(len, files)),
    }


def _threads(files: Sequence[bytes], repeats: int) -> dict[str, Any]:
    """Time two threads beside one."""
    many = list(files) * -(-_BATCH // len(files))
    batches = [many[at : at + _BATCH] for at in range(0, len(many), _BATCH)]
    sides: Sides = {
        "one thread": _each(lambda batch: jd.read_jpegs(batch, threads=1), batches),
        "two threads": _each(lambda batch: jd.read_jpegs(batch, threads=2), batches),
    }
    return _summary(interleaved(sides, repeats), len(many), {"speed of two": ("one thread", "two threads")})


def _large(file: bytes, repeats: int) -> dict[str, Any]:
    """Time one large photograph, of which a small network needs only the low frequencies."""
    tensor = torch.frombuffer(bytearray(file), dtype=torch.uint8)

    def draft() -> None:
        with Image.open(io.BytesIO(file)) as image:
            image.draft("RGB", (image.width // 8, image.height // 8))
            image.load()

    sides: Sides = {
        "keep=2": lambda: jd.read_jpeg(file, keep=2),
        "keep=8": lambda: jd.read_jpeg(file),
        _TORCHVISION: lambda: decode_jpeg(tensor),
        "Pillow, draft at 1/8": draft,
    }
    against = {f"keep=2 to {name}": ("keep=2", name) for name in sides if name != "keep=2"}
    return _summary(interleaved(sides, repeats), 1, against) | {"bytes": len(file)}


def first_use(file: bytes) -> dict[str, float]:
    """Time processes that read one file and exit.

    Returns:
        Seconds: to import torch and torchvision, which every user of this package has; then, with a full cache, to
            import jpegdomain and read the file; and with an empty cache, to read a baseline file and a progressive one,
            which compile separately.
    """
    with tempfile.TemporaryDirectory() as folder:
        baseline, other = Path(folder, "baseline.jpg"), Path(folder, "progressive.jpg")
        baseline.write_bytes(recoded(file, progressive=False))
        other.write_bytes(recoded(file, progressive=True))
        cold = _process(baseline, folder)
        cold_progressive = _process(other, folder)
        warm = [_process(path, folder) for path in [baseline, other] * 3]
    first, second = (min(run["import"] + run["read"] for run in warm[at::2]) for at in (0, 1))
    return {
        "import_of_torch": min(run["torch"] for run in warm),
        "warm_import_and_first_file": first,
        "warm_import_and_first_progressive_file": second,
        "cold_first_file": cold["read"],
        "cold_first_progressive_file": cold_progressive["read"],
    }


def _process(path: Path, cache: str) -> dict[str, float]:
    environment = os.environ | {"JPEGDOMAIN_CACHE": cache}
    command = [sys.executable, "-c", _SCRIPT, str(path)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _summary(seconds: dict[str, list[float]], files: int, against: dict[str, tuple[str, str]]) -> dict[str, Any]:
    return {
        "median_ms": {name: 1e3 * statistics.median(rounds) / files for name, rounds in seconds.items()},
        "ratios": {name: ratio(seconds[one], seconds[two]) for name, (one, two) in against.items()},
    }


def _show(title: str, result: dict[str, Any]) -> None:
    print(title)
    for name, median in result["median_ms"].items():
        print(f"  {name:<24}{median:>10.3f} ms{_bounds(result['ratios'].get(name))}")
    for name in result["ratios"].keys() - result["median_ms"].keys():
        print(f"  {name:<34}   {_bounds(result['ratios'][name])}")


def _bounds(compared: dict[str, float] | None) -> str:
    return "" if compared is None else "{median:>8.2f} ({smallest:.2f}…{largest:.2f})".format(**compared)


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.codec", __doc__)
    parser.add_argument(
        "--files", action="append", metavar="NAME=FOLDER", help="a set of files; may be given several times"
    )
    parser.add_argument("--limit", type=int, default=250, help="files of each set (default 250)")
    parser.add_argument("--repeats", type=int, default=11, help="counted rounds (default 11)")
    parser.add_argument("--output", type=Path, default=Path("results/codec.json"), help="default results/codec.json")
    options = parser.parse_args(given)
    torch.set_num_threads(1)
    for package in _OPTIONAL:
        if not _there(package):
            print(f"{package} is not installed and left out", file=sys.stderr)
    chosen = dict(text.partition("=")[::2] for text in options.files or [f"digits={EMBEDDED}"])
    sets = {name: spread(Path(folder), options.limit) for name, folder in chosen.items()}

    result: dict[str, Any] = {"sets": {}, "progressive": {}, "threads": {}}
    for name, files in sets.items():
        result["sets"][name] = _compare(files, options.repeats)
        _show(f"{name}: {len(files)} files, ratio to {_TORCHVISION}", result["sets"][name])
        result["progressive"][name] = _compare([recoded(file, progressive=True) for file in files], options.repeats)
        _show(f"{name}, made progressive", result["progressive"][name])
        result["threads"][name] = _threads(files, options.repeats)
        _show(f"{name}, in batches", result["threads"][name])
    result["large"] = _large(large_photograph([file for files in sets.values() for file in files]), options.repeats)
    _show("one photograph of 12 megapixels", result["large"])
    result["first_use"] = first_use(next(iter(sets.values()))[0])
    for name, seconds in result["first_use"].items():
        print(f"{name.replace('_', ' '):<40}{seconds:>8.2f} s")
    versions = {package: importlib.metadata.version(package) for package in ("numba", *_OPTIONAL) if _there(package)}
    settings = {"sets": list(sets), "limit": options.limit, "repeats": options.repeats, "versions": versions}
    write(options.output, "codec", settings, result)


if __name__ == "__main__":
    main()
