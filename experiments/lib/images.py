"""Labelled images in batches of one size: folders of JPEG files, and torchvision data sets encoded without loss."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.datasets import CIFAR10, CIFAR100, MNIST, ImageFolder

import jpegdomain as jd
from jpegdomain.decoding import Entry
from jpegdomain.preprocess import Transform

__all__ = ["DATASETS", "Batch", "FileBatches", "Images", "JpegFiles", "LosslessImages"]

DATASETS = {"mnist": MNIST, "cifar10": CIFAR10, "cifar100": CIFAR100}
"""The torchvision data sets that can be given by name instead of a folder."""


@dataclass(frozen=True)
class Batch:
    """The same images for each of the compared models.

    Args:
        jpeg: For the converted model.
        pixels: (n, c, h, w) for the spatial model: the float decoding, normalised.
        rounded: (n, c, h, w) of Pillow's 8-bit decoding, normalised; None where no file was decoded.
        labels: (n,) class numbers.
    """

    jpeg: jd.JpegBatch | jd.Activation
    pixels: Tensor
    rounded: Tensor | None
    labels: Tensor


class Images(Protocol):
    """A labelled set of images."""

    name: str
    classes: int
    channels: int

    def __len__(self) -> int: ...

    def identity(self) -> object:
        """Identify the images by a `repr`, so that an interrupted run resumes only on the same images."""
        ...

    def units(self, size: int) -> list[list[int]]:
        """Divide the set into batches of one extent each, always the same batches."""
        ...

    def encoded(
        self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device
    ) -> tuple[jd.JpegBatch | jd.Activation, Tensor]:
        """Read one batch for a converted model alone.

        Returns:
            What the converted model takes, and (n,) class numbers.
        """
        ...

    def load(self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device) -> Batch:
        """Read one batch for every model that is compared."""
        ...


def _normalise(levels: Tensor, entry: Entry) -> Tensor:
    mean, std = (values.to(levels).view(1, -1, 1, 1) for values in (entry.mean, entry.std))
    return (levels / 255 - mean) / std


class JpegFiles:
    """A folder with one subfolder of JPEG files per class, as ``torchvision.datasets.ImageFolder`` reads it.

    Args:
        root: The folder.
        limit: Take every k-th file, so that about this many remain; None for all.
    """

    def __init__(self, root: Path, limit: int | None = None) -> None:
        folder = ImageFolder(root)
        step = 1 if limit is None else -(-len(folder.samples) // limit)
        self.name = root.name
        self.classes = len(folder.classes)
        self.samples = folder.samples[::step]
        self.channels = 1 if all(self._mode(path) == "L" for path, _ in self.samples[:16]) else 3

    def __len__(self) -> int:
        return len(self.samples)

    def identity(self) -> object:  # noqa: D102
        return [(*Path(path).parts[-2:], Path(path).stat().st_size) for path, _ in self.samples]

    @staticmethod
    def _mode(path: str) -> str:
        with Image.open(path) as image:
            return image.mode

    def units(self, size: int) -> list[list[int]]:  # noqa: D102
        by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, (path, _) in enumerate(self.samples):
            with Image.open(path) as image:
                by_size[image.size].append(number)
        return [members[start : start + size] for members in by_size.values() for start in range(0, len(members), size)]

    def encoded(  # noqa: D102
        self,
        unit: list[int],
        entry: Entry,  # noqa: ARG002
        dtype: torch.dtype,
        device: torch.device,
    ) -> tuple[jd.JpegBatch, Tensor]:
        paths, labels = zip(*(self.samples[number] for number in unit), strict=True)
        batch = jd.collate(jd.read_jpegs(paths), dtype=dtype, device=device)
        return batch, torch.tensor(labels, device=device)

    def load(self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device) -> Batch:  # noqa: D102
        batch, labels = self.encoded(unit, entry, dtype, device)
        levels = np.stack([self._pillow(self.samples[number][0], entry.channels) for number in unit])
        rounded = torch.from_numpy(levels).permute(0, 3, 1, 2).to(device=device, dtype=dtype)
        return Batch(batch, entry.normalised_pixels(batch), _normalise(rounded, entry), labels)

    @staticmethod
    def _pillow(path: str, channels: int | None) -> np.ndarray:
        with Image.open(path) as image:
            return np.atleast_3d(np.asarray(image.convert("L" if channels == 1 else "RGB")))


class FileBatches:
    """A folder's files in batches that enter a network together."""

    def __init__(self, files: JpegFiles, preprocess: Transform | None, batch: int, device: torch.device) -> None:
        self._files, self._preprocess, self._device = files, preprocess, device
        numbers = range(len(files))
        # After a crop, all images have the same size.
        self.units = (
            files.units(batch)
            if preprocess is None
            else [list(numbers[start : start + batch]) for start in range(0, len(files), batch)]
        )

    def read(self, unit: list[int]) -> tuple[list[jd.JpegImage], jd.JpegBatch, Tensor]:
        """Return records, the batch that enters the network, and labels of some of the files."""
        paths, labels = zip(*(self._files.samples[number] for number in unit), strict=True)
        images = jd.read_jpegs(paths)
        batch = jd.collate(images, preprocess=self._preprocess, device=self._device)
        return images, batch, torch.tensor(labels, device=self._device)


class LosslessImages:
    """A split of a torchvision data set, encoded by J without quantisation: the paper's 'lossless' case.

    Args:
        name: One of `DATASETS`; MNIST is zero-padded to 32×32 as in the paper.
        root: Folder that torchvision's data set class reads.
        download: Let torchvision fetch what is missing.
        limit: Take every k-th image, so that about this many remain; None for all.
        train: The training rather than the test split.
    """

    def __init__(
        self, name: str, root: Path, download: bool = False, limit: int | None = None, train: bool = False
    ) -> None:
        dataset = DATASETS[name](root, train=train, download=download)
        levels = torch.as_tensor(dataset.data)
        self.levels = levels.permute(0, 3, 1, 2) if levels.dim() == 4 else levels.unsqueeze(1)
        if name == "mnist":
            self.levels = torch.nn.functional.pad(self.levels, (2, 2, 2, 2))
        self.labels = torch.as_tensor(dataset.targets)
        step = 1 if limit is None else -(-len(self.labels) // limit)
        self.levels, self.labels = self.levels[::step], self.labels[::step]
        self.name = name
        self.classes = len(dataset.classes)
        self.channels = self.levels.shape[1]

    def __len__(self) -> int:
        return len(self.labels)

    def identity(self) -> object:  # noqa: D102
        return self.name, len(self), int(self.levels.sum())

    def units(self, size: int) -> list[list[int]]:  # noqa: D102
        return [list(range(start, min(start + size, len(self)))) for start in range(0, len(self), size)]

    def _pixels(self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device) -> Tensor:
        return _normalise(self.levels[unit].to(device=device, dtype=dtype), entry)

    def encoded(  # noqa: D102
        self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device
    ) -> tuple[jd.Activation, Tensor]:
        return jd.encode(self._pixels(unit, entry, dtype, device)), self.labels[unit].to(device)

    def load(self, unit: list[int], entry: Entry, dtype: torch.dtype, device: torch.device) -> Batch:  # noqa: D102
        pixels = self._pixels(unit, entry, dtype, device)
        return Batch(jd.encode(pixels), pixels, None, self.labels[unit].to(device))
