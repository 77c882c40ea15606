"""The files and networks that a run of `experiments.throughput` works on, and how each side is set up for it."""

import argparse
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

import jpegdomain as jd
from experiments.lib import arguments
from experiments.lib.images import Images, JpegFiles, LosslessImages
from experiments.lib.networks import EMBEDDED, load_requested
from experiments.throughput.sides import JPEG_SIDES, MODES, Chain, Geometry, Mode, jpeg_chain, spatial_chain

__all__ = ["Files", "Setting", "load_files"]

_QUALITY = 75


@dataclass(frozen=True)
class Files:
    """A labelled set of JPEG files.

    Args:
        files: Their bytes.
        labels: (n,) class numbers.
        images: The images that they were made from.
        alike: Whether all have the same size.
    """

    files: Sequence[bytes]
    labels: Tensor
    images: Images
    alike: bool

    def batches(self, size: int) -> list[tuple[Sequence[bytes], Tensor]]:
        """Split the files into batches."""
        starts = range(0, len(self.files), size)
        return [(self.files[at : at + size], self.labels[at : at + size]) for at in starts]


def _encoded(images: LosslessImages) -> list[bytes]:
    """Encode the pixels of a torchvision data set as JPEG files."""
    files = []
    for levels in images.levels:
        buffer = io.BytesIO()
        Image.fromarray(levels.squeeze(0).movedim(0, -1).numpy() if len(levels) == 3 else levels[0].numpy()).save(
            buffer, "JPEG", quality=_QUALITY
        )
        files.append(buffer.getvalue())
    return files


def load_files(options: argparse.Namespace) -> Files:
    """Read the files that a command line names.

    Raises:
        SystemExit: If they are not there.
    """
    images = arguments.images(options)
    if isinstance(images, LosslessImages):
        return Files(_encoded(images), images.labels, images, alike=True)
    assert isinstance(images, JpegFiles)
    files = [Path(path).read_bytes() for path, _ in images.samples]
    sizes = set()
    for file in files:
        with Image.open(io.BytesIO(file)) as image:
            sizes.add(image.size)
    labels = torch.tensor([label for _, label in images.samples])
    return Files(files, labels, images, len(sizes) == 1)


_TRIES = 5


class Setting:
    """The files, networks, modes and plans of a run.

    Args:
        options: The parsed options; those that follow from others are filled in.

    Raises:
        SystemExit: If files or network do not exist, or the files cannot form batches.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.device = options, options.device
        # DATA/SPLIT, since a folder name such as 'test' says little.
        self.name = "/".join(Path(options.data).parts[-2:])
        if options.data == "embedded":
            options.data = str(EMBEDDED / "digits")
            options.model = options.model or "embedded"
        options.model = options.model or "three_block"
        self.files: Files = load_files(options)
        self.geometry: Geometry = options.size or (Geometry() if self.files.alike else Geometry(256, 224))
        if self.geometry == Geometry() and not self.files.alike:
            raise SystemExit("--size none: the files have different sizes; give a short side and a crop, as in 256,224")
        self.model, self.described = load_requested(options, self.files.images)
        self.batches = self.files.batches(options.batch)
        self.threads = torch.get_num_threads()
        self.modes = [mode for mode in MODES if mode in (options.mode or MODES)]
        self.plans = [plan for plan in JPEG_SIDES if plan in (options.plan or JPEG_SIDES)]

    def converted(self, plan: Any, model: nn.Module) -> jd.ConvertedModel:
        """Convert with the options.

        Args:
            plan: 'fused' or 'transform'.
            model: The spatial model, in any dtype.
        """
        return jd.convert(
            model,
            plan=plan,
            frequencies=self.options.frequencies,
            mean=self.options.mean,
            std=self.options.std,
        )

    def builders(self, side: str, mode: Mode) -> list[tuple[int, Callable[[], Chain]]]:
        """List the ways to set up a side: reading in one thread or several, in each memory format."""
        counts = sorted({1, self.threads})
        if side != "spatial":
            converted = self.converted(side, self.model)
            return [
                (threads, partial(jpeg_chain, converted, self.geometry, mode, self.device, threads))
                for threads in counts
            ]
        entry = self.converted("fused", self.model).jpeg_entry
        return [
            (threads, partial(spatial_chain, self.model, entry, self.geometry, mode, self.device, threads, layout))
            for layout in (torch.channels_last, torch.contiguous_format)
            for threads in counts
        ]

    def fastest(self, side: str, mode: Mode) -> tuple[Chain, dict[str, Any]]:
        """Set up a side in the way that is fastest on the first batch."""
        builders = self.builders(side, mode)
        chains = [build() for _, build in builders]
        # In turn, so that a slow moment affects all of them.
        tries = [[self._once(chain) for chain in chains] for _ in range(_TRIES)]
        times = [min(times) for times in zip(*tries, strict=True)]
        best = times.index(min(times))
        return chains[best], {
            "threads_for_files": builders[best][0],
            "memory_format": chains[best].memory_format,
        }

    def _once(self, chain: Chain) -> float:
        files, labels = self.batches[0]
        labels = labels.to(self.device)
        start = time.perf_counter()
        chain.run(files, labels)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start
