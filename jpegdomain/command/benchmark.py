"""``bench``: time the input stage on a user's own files, beside torchvision's."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from torch import Tensor

from jpegdomain.codec import read_jpegs
from jpegdomain.decoding import read_pixels
from jpegdomain.errors import EmptyFolderError, JpegFileError
from jpegdomain.preprocess import CenterCrop, Compose, Resize

from .files import jpeg_files
from .report import AsJson, print_json, print_table

__all__ = ["bench"]


def bench(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder; its subfolders are searched, too.", show_default=False)
    ],
    files: Annotated[int, typer.Option(min=1, help="How many of its files to use, evenly spread.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 32,
    side: Annotated[
        int, typer.Option(min=1, help="Height and width of the result: resized to 8/7 of it, then cropped.")
    ] = 224,
    rounds: Annotated[int, typer.Option(min=1, help="Timed rounds; the two libraries take turns.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads for each library.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Time the input stage on your files, beside torchvision's.

    From bytes in memory to a batch of floats: decoding, resizing and cropping.
    """
    data, skipped = _bytes_of(folder, files)
    torch.set_num_threads(threads)
    parts = [data[at : at + batch] for at in range(0, len(data), batch)]
    sides = {"jpegdomain": _ours(side, threads), "torchvision": _torchvision(side)}
    apart = _difference(*(run(parts[0]) for run in sides.values()))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in track(range(rounds), "timing", console=Console(stderr=True), transient=True):
        for name, run in sides.items():
            began = time.perf_counter()
            for part in parts:
                run(part)
            seconds[name].append(time.perf_counter() - began)
    each = {name: statistics.median(times) * 1e3 / len(data) for name, times in seconds.items()}
    ratio = statistics.median(
        theirs / ours for ours, theirs in zip(seconds["jpegdomain"], seconds["torchvision"], strict=True)
    )
    if as_json:
        print_json(
            {
                "files": len(data),
                "left out": skipped,
                "threads": threads,
                "milliseconds per file": each,
                "times as fast": ratio,
                "mean difference in levels": apart,
            }
        )
        return
    rows = [
        {"input stage": name, "ms per file": f"{value:.3f}", "files/s": f"{1e3 / value:,.0f}"}
        for name, value in each.items()
    ]
    print_table(rows, ("ms per file", "files/s"))
    print(f"{len(data)} files, {threads} thread(s): {ratio:.2f} × as fast as torchvision")
    print(f"mean difference {apart:.2f} levels of 255: torchvision rounds after decoding and after resizing")
    if skipped:
        print(f"{skipped} file(s) left out, since one of the two libraries cannot read them")


def _bytes_of(folder: Path, count: int) -> tuple[list[bytes], int]:
    """Evenly spread files that both libraries can read."""
    from torchvision.io import ImageReadMode, decode_jpeg

    paths = jpeg_files(folder)
    chosen = [paths[at * len(paths) // count] for at in range(count)] if count < len(paths) else paths
    data = []
    for path in chosen:
        given = path.read_bytes()
        try:
            read_jpegs([given])
            decode_jpeg(torch.frombuffer(bytearray(given), dtype=torch.uint8), ImageReadMode.RGB)
        except (JpegFileError, RuntimeError):
            continue
        data.append(given)
    if not data:
        raise EmptyFolderError(f"{folder}: none of the {len(chosen)} files can be read by both libraries")
    return data, len(chosen) - len(data)


def _ours(side: int, threads: int) -> Callable[[list[bytes]], Tensor]:
    preprocess = Compose([Resize(round(side * 8 / 7)), CenterCrop(side)])

    return lambda data: read_pixels(data, preprocess=preprocess, mean=0, std=1, threads=threads)


def _torchvision(side: int) -> Callable[[list[bytes]], Tensor]:
    from torchvision.io import ImageReadMode, decode_jpeg
    from torchvision.transforms import v2

    geometry = v2.Compose([v2.Resize(round(side * 8 / 7), antialias=True), v2.CenterCrop(side)])

    def run(data: list[bytes]) -> Tensor:
        decoded = [torch.frombuffer(bytearray(one), dtype=torch.uint8) for one in data]
        images = torch.stack([geometry(decode_jpeg(one, ImageReadMode.RGB)) for one in decoded])
        return images.to(torch.float32) / 255

    return run


def _difference(ours: Tensor, theirs: Tensor) -> Any:
    return (255 * (ours - theirs).abs()).mean().item()
