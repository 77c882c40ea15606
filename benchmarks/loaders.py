"""Whole epochs from disk: JPEG folders to normalised 224×224 batches, by the data loaders of several packages.

    python -m benchmarks.loaders FOLDER

Each loader reads every file of the folder once, in sorted order, with 0, 1, 2 and 4 worker processes or threads:
torch's DataLoader with torchvision's decoder and transforms; the same with our collate function, and with batches of
coefficients that become pixels in the main process; `jpegdomain.loader`; and, where SPDL is installed, its threads with
torchvision's decoder and transforms. Each loader runs in a process of its own, several times, in turn with the others.
Measured are wall-clock time and the CPU time of all processes: the latter is what an image costs on a machine whose
cores a network needs, too. The first batch, and with it the start of the workers, is part of the epoch; imports are
not.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2
from tqdm import tqdm

import jpegdomain as jd
from benchmarks.timing import write
from experiments.lib import arguments
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD, to_pixels
from jpegdomain.preprocess import CenterCrop, Compose, Resize

__all__ = ["WAYS", "main"]

_SHORT, _CROP = 256, 224
_BATCH = 64
_MEAN, _STD = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
_SCALE, _SHIFT = 1 / (255 * _STD), -_MEAN / _STD

Way = Callable[[Path, int], Iterator[Tensor]]


def _torchvision(folder: Path, workers: int) -> Iterator[Tensor]:
    steps = [v2.Resize(_SHORT, antialias=True), v2.CenterCrop(_CROP), v2.ToDtype(torch.float32, scale=True)]
    transform = v2.Compose([*steps, v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)])
    data: Dataset[Any] = ImageFolder(
        str(folder), transform, loader=lambda path: decode_jpeg(read_file(path), ImageReadMode.RGB)
    )
    for pixels, _ in DataLoader(data, _BATCH, num_workers=workers):
        yield pixels


def _ours() -> Compose:
    return Compose([Resize(_SHORT), CenterCrop(_CROP)])


def _pixels_from_workers(folder: Path, workers: int) -> Iterator[Tensor]:
    collate = jd.PixelCollate(_ours(), mean=IMAGENET_MEAN, std=IMAGENET_STD)
    for pixels, _ in DataLoader(jd.JpegFolder(folder), _BATCH, num_workers=workers, collate_fn=collate):
        yield pixels


def _coefficients_from_workers(folder: Path, workers: int) -> Iterator[Tensor]:
    for batch, _ in DataLoader(jd.JpegFolder(folder), _BATCH, num_workers=workers, collate_fn=jd.Collate(_ours())):
        yield to_pixels(batch, "rgb", _SCALE, _SHIFT)


def _own_loader(folder: Path, workers: int) -> Iterator[Tensor]:
    for batch, _ in jd.loader(jd.JpegFolder(folder), _BATCH, preprocess=_ours(), threads=workers):
        yield to_pixels(batch, "rgb", _SCALE, _SHIFT)


def _spdl(folder: Path, workers: int) -> Iterator[Tensor]:
    from spdl.pipeline import PipelineBuilder

    geometry = v2.Compose([v2.Resize(_SHORT, antialias=True), v2.CenterCrop(_CROP)])

    def one(path: str) -> Tensor:
        return geometry(decode_jpeg(read_file(path), ImageReadMode.RGB))

    def many(images: list[Tensor]) -> Tensor:
        batch = torch.stack(images).to(torch.float32)
        return batch.mul_(_SCALE.view(3, 1, 1)).add_(_SHIFT.view(3, 1, 1))

    paths = [path for path, _ in ImageFolder(str(folder)).samples]
    builder = (
        PipelineBuilder().add_source(paths).pipe(one, concurrency=workers).aggregate(_BATCH).pipe(many).add_sink(3)
    )
    pipeline = builder.build(num_threads=workers)
    with pipeline.auto_stop():
        yield from pipeline


WAYS: dict[str, Way] = {
    "DataLoader, torchvision": _torchvision,
    "DataLoader, jpegdomain, pixels from workers": _pixels_from_workers,
    "DataLoader, jpegdomain, coefficients from workers": _coefficients_from_workers,
    "jpegdomain.loader": _own_loader,
    "SPDL, torchvision": _spdl,
}
"""Name → function of a folder and a number of worker processes (threads for the last two) that yields batches."""


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def _once(name: str, folder: Path, workers: int) -> dict[str, float]:
    """Run one epoch in this process."""
    torch.set_num_threads(1)
    began, cpu, images = time.perf_counter(), _cpu(), 0
    for batch in WAYS[name](folder, workers):
        assert batch.shape[1:] == (3, _CROP, _CROP)
        images += len(batch)
    return {"seconds": time.perf_counter() - began, "cpu": _cpu() - cpu, "images": images}


def _measured(name: str, folder: Path, workers: int) -> dict[str, float] | None:
    """Run one epoch in a process of its own; None if this loader does not run here."""
    command = [sys.executable, "-m", "benchmarks.loaders", str(folder), "--once", name, "--workers", str(workers)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{name}, {workers}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main(given: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = arguments.parser("benchmarks.loaders", __doc__)
    parser.add_argument("folder", type=Path, help="class folders of JPEG files")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4], help="default 0 1 2 4")
    parser.add_argument("--repeats", type=int, default=3, help="epochs of each loader (default 3)")
    parser.add_argument("--once", metavar="WAY", choices=WAYS, help="run one epoch of one loader and print it as JSON")
    parser.add_argument(
        "--output", type=Path, default=Path("results/loaders.json"), help="default results/loaders.json"
    )
    options = parser.parse_args(given)
    if options.once:
        print(json.dumps(_once(options.once, options.folder, options.workers[0])))
        return
    # SPDL needs at least one thread.
    jobs = [(name, workers) for workers in options.workers for name in WAYS if workers or name != "SPDL, torchvision"]
    rounds: dict[tuple[str, int], list[dict[str, float]]] = {job: [] for job in jobs}
    for _ in tqdm(range(options.repeats), unit="round", leave=False):
        for name, workers in jobs:
            if (measured := _measured(name, options.folder, workers)) is not None:
                rounds[name, workers].append(measured)
    rows = []
    for (name, workers), epochs in rounds.items():
        if epochs:
            row = {
                "way": name,
                "workers": workers,
                "images": epochs[0]["images"],
                "images_per_second": statistics.median(one["images"] / one["seconds"] for one in epochs),
                "cpu_ms_per_image": statistics.median(1e3 * one["cpu"] / one["images"] for one in epochs),
            }
            rows.append(row)
            print(
                "{way:<52}{workers:>2}  {images_per_second:>8,.0f} images/s {cpu_ms_per_image:>8.3f} CPU-ms".format(
                    **row
                )
            )
    write(options.output, "loaders", {"repeats": options.repeats, "batch": _BATCH}, {"rows": rows})


if __name__ == "__main__":
    main()
