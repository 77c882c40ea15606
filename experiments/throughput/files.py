"""The files that `experiments.throughput` reads, as bytes in memory: where a disk is fast enough, what a disk gives."""

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from experiments import arguments
from experiments.images import Images, JpegFiles, LosslessImages

__all__ = ["Files", "load_files"]

_QUALITY = 75


@dataclass(frozen=True)
class Files:
    """A labelled set of JPEG files.

    Args:
        files: Their bytes.
        labels: (n,) class numbers.
        images: What they were taken from.
        alike: Whether all have one size.
    """

    files: Sequence[bytes]
    labels: Tensor
    images: Images
    alike: bool

    def batches(self, size: int) -> list[tuple[Sequence[bytes], Tensor]]:
        """Cut the set.

        Args:
            size: Files a batch; the last one may have fewer.

        Returns:
            Files and labels of each batch.
        """
        starts = range(0, len(self.files), size)
        return [(self.files[at : at + size], self.labels[at : at + size]) for at in starts]


def _encoded(images: LosslessImages) -> list[bytes]:
    """Pixels of a torchvision data set as JPEG files."""
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

    Args:
        options: With the arguments of `arguments.add_data`.

    Returns:
        Them. Named data sets of torchvision are encoded with quality 75.

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
