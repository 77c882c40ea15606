"""``predict``: write a network's answers for every JPEG file in a folder to a Parquet file."""

import enum
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from jpegdomain.codec import JpegImage, read_jpegs
from jpegdomain.conversion import convert
from jpegdomain.data import JpegBatch, collate
from jpegdomain.data.prefetching import prefetch
from jpegdomain.errors import InputError, JpegDomainError, MissingPackageError
from jpegdomain.preprocess import Recipe
from jpegdomain.storing import put_in_place

from .files import jpeg_files
from .loading import load_network, running, trained_with
from .networks import Classes, ModelName, Pretrained, Weights

__all__ = ["predict"]

_PART = 1024
"""Number of files in one part: the most that an interrupted run loses."""


class Output(str, enum.Enum):
    """What is written for each file."""

    top = "top"
    logits = "logits"
    embeddings = "embeddings"


def predict(
    model: ModelName,
    data: Annotated[Path, typer.Option(help="A folder; its subfolders are searched, too.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The Parquet file to write.", show_default=False)],
    weights: Weights = None,
    pretrained: Pretrained = False,
    classes: Classes = None,
    output: Annotated[
        Output,
        typer.Option(help="The most probable classes, all logits, or embeddings: the input of the last linear layer."),
    ] = Output.top,
    top: Annotated[int, typer.Option(min=1, help="How many classes 'top' writes.")] = 5,
    side: Annotated[
        int | None,
        typer.Option(min=1, help="Height and width of the input, if not those that the weights were trained with."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch.")] = 32,
    threads: Annotated[int, typer.Option(min=0, help="How many batches to prepare while the network runs.")] = 1,
    device: Annotated[str, typer.Option(help="Device that the network runs on, such as cpu or cuda.")] = "cpu",
) -> None:
    """Write a network's answers for a folder as Parquet.

    An interrupted run continues where it stopped. For files that cannot be used, the column 'error' says why. Under
    torchrun the processes share the work.
    """
    parquet = _parquet()
    paths = jpeg_files(data)
    names = [path.relative_to(data).as_posix() for path in paths]
    if weights is None and not pretrained and model.startswith(("torchvision:", "timm:")):
        typer.secho("the network has random weights: load some with --weights or --pretrained", fg="yellow", err=True)
    network = load_network(model, weights, pretrained, classes)
    recipe = trained_with(model, network, side)
    if output is Output.embeddings:
        _without_head(network)
    settings = [model, output.value, top, batch, str(recipe), pretrained, classes, _weights_of(network)]
    files = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in zip(names, map(Path.stat, paths), strict=True)]
    parts = _Parts(out, hashlib.sha256(json.dumps([settings, files]).encode()).hexdigest())
    if device == "cuda" and "LOCAL_RANK" in os.environ:
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    starts = range(0, len(paths), max(batch, _PART // batch * batch))
    with running(model):
        converted = convert(network, plan="fused", preprocess=recipe).to(device)
    run = partial(_answers, converted)
    for number in track(range(rank, len(starts), world), "predicting", console=Console(stderr=True), transient=True):
        if not parts.path(number).exists():
            own = slice(starts[number], starts[number] + starts.step)
            with running(model):
                rows = list(run(paths[own], names[own], recipe, batch, threads, device))
            parts.write(number, parquet.table(rows, output, top))
    if rank == 0:
        failed = parts.join(len(starts), parquet)
        for name, reason in failed:
            typer.echo(reason if name in reason else f"{name}: {reason}", err=True)
        print(f"{out}: {len(paths)} files, {len(failed)} of them could not be used")
        if len(failed) == len(paths):
            raise typer.Exit(1)


def _weights_of(network: nn.Module) -> str:
    """A fingerprint of all tensors, so that a run continues with the same network only."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _without_head(network: nn.Module) -> None:
    linear = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise InputError("embeddings are the input of the last linear layer, and this network has no linear layer")
    owner, _, name = linear[-1].rpartition(".")
    setattr(network.get_submodule(owner), name, nn.Identity())


def _answers(
    converted: nn.Module,
    paths: Sequence[Path],
    names: Sequence[str],
    recipe: Recipe,
    size: int,
    threads: int,
    device: str,
) -> Iterator[tuple[str, str | None, Tensor | None]]:
    """For each file its name, and either why it cannot be used or what the network returns."""
    jobs = [slice(at, at + size) for at in range(0, len(paths), size)]
    like = next(converted.parameters(), torch.empty(()))

    def make(job: slice) -> tuple[JpegBatch | None, list[str | None]]:
        return _batch(paths[job], recipe, like.dtype)

    for job, (batch, reasons) in zip(jobs, prefetch(make, jobs, threads), strict=True):
        if batch is not None:
            with torch.inference_mode():
                results = converted(batch.to(device))
            if not isinstance(results, Tensor) or results.dim() != 2:
                raise InputError("predict writes one vector for each image; this network returns something else")
            answers = iter(results.float().cpu())
        for name, reason in zip(names[job], reasons, strict=True):
            yield name, reason, None if reason is not None else next(answers)


def _batch(paths: Sequence[Path], recipe: Recipe, dtype: torch.dtype) -> tuple[JpegBatch | None, list[str | None]]:
    """The usable files as a batch, None if there are none; and for each file why it cannot be used, or None."""
    make = partial(collate, preprocess=recipe, dtype=dtype)

    def problem(path: Path, result: Any) -> str | None:
        try:
            if not isinstance(result, JpegImage):
                raise result
            make([result])
        except JpegDomainError as error:
            return str(error)
        except OSError as error:
            return f"{path}: {error.strerror}"
        return None

    results = read_jpegs(paths, return_errors=True)
    reasons = [problem(path, result) for path, result in zip(paths, results, strict=True)]
    images: list[Any] = [result for result, reason in zip(results, reasons, strict=True) if reason is None]
    return make(images) if images else None, reasons


def _parquet() -> Any:
    try:
        from . import parquet
    except ImportError as error:
        raise MissingPackageError("predict writes Parquet files: pip install 'jpegdomain[predict]'") from error
    return parquet


class _Parts:
    """The finished parts of a run, in a folder of their own beside the output file.

    Args:
        out: The output file.
        fingerprint: Identifies the network, the settings and the files: a different run never continues these parts.
    """

    def __init__(self, out: Path, fingerprint: str) -> None:
        self.out, self.folder = out, out.with_name(f"{out.name}.parts-{fingerprint[:12]}")
        for other in sorted(out.parent.glob(f"{out.name}.parts-*")):
            if other != self.folder:
                note = f"{other} holds parts of another run, with other files, weights or options"
                typer.secho(note, fg="yellow", err=True)

    def path(self, number: int) -> Path:
        return self.folder / f"{number:08}.parquet"

    def write(self, number: int, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        put_in_place(self.path(number), content)

    def join(self, count: int, parquet: Any) -> list[tuple[str, str]]:
        """Wait for the parts of all processes, join them, and remove them; return the files that could not be used."""
        paths = [self.path(number) for number in range(count)]
        while not all(path.exists() for path in paths):
            time.sleep(0.2)
        whole = self.folder / "whole"
        failed: list[tuple[str, str]] = parquet.join(paths, whole)
        whole.replace(self.out)
        shutil.rmtree(self.folder)
        return failed
