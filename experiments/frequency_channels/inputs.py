"""What comes between the files and the networks: data sets, crops, pixels or frequency channels, their statistics."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from tqdm import tqdm

import jpegdomain as jd
from experiments.frequency_channels.network import PIXELS, Variant
from jpegdomain import preprocess as pp
from jpegdomain.decoding import to_pixels
from jpegdomain.errors import EmptyFolderError, InputError, LeftOutWarning
from jpegdomain.frequency import ChannelStatistics, Frontend, fit_statistics

__all__ = ["Files", "Inputs", "PixelEntry", "find_files", "fit_pixels"]

_TESTS = ("test", "val")
_COLORS = ("gray", "ycbcr", "rgb")
_FITTED = 10_000
"""Training images that statistics are fitted on, evenly spread; of ImageNet more would change no digit that matters."""


class Files(jd.JpegDataset):
    """A folder's files, or some of them, without those that are damaged, no JPEG, or CMYK.

    ImageNet has a few. A `LeftOutWarning` names each.

    Args:
        folder: All of its files.
        limit: Take every k-th so that about this many remain; None for all.
    """

    def __init__(self, folder: jd.JpegFolder, limit: int | None = None) -> None:
        step = 1 if limit is None else -(-len(folder) // limit)
        super().__init__(folder.files[::step], folder.targets[::step], on_error="skip")
        self.classes = len(folder.classes)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[jd.JpegImage, int]]:
        """Read several files."""
        items = []
        for image, label in super().__getitems__(indices):
            if image.color in _COLORS:
                items.append((image, label))
            else:
                warnings.warn(f"left out of its batch: {image.source} is {image.color}", LeftOutWarning, stacklevel=2)
        return items

    def identity(self) -> object:
        """Identify the files by a `repr`, so that an interrupted run resumes on the same ones only."""
        return [(*Path(path).parts[-2:], Path(path).stat().st_size) for path in self.files]


def find_files(root: Path, limit: int | None) -> tuple[Files, Files]:
    """Find the files to train with and those to test with.

    Args:
        root: Folder with train, and test or val, in each one subfolder of JPEG files per class.
        limit: Take about this many of each.

    Raises:
        SystemExit: If they are not there, their classes differ, or there is nothing to learn from.
    """
    tests = next((name for name in _TESTS if (root / name).is_dir()), None)
    if tests is None or not (root / "train").is_dir():
        raise SystemExit(f"--data: {root} has no folders train and test (or val)")
    try:
        training, testing = (jd.JpegFolder(root / name) for name in ("train", tests))
    except EmptyFolderError as error:
        raise SystemExit(f"--data: {error}") from error
    if training.classes != testing.classes:
        raise SystemExit(f"--data: {root}: train and {tests} have other classes: subfolders must have the same names")
    return Files(training, limit), Files(testing, limit)


_STILL = 1e-3
"""Levels; a channel with a smaller standard deviation does not vary."""


class PixelEntry(nn.Module):
    """Files to normalised pixels.

    Args:
        target: 'rgb' or 'ycbcr'.
        mean: (3,) levels 0…255.
        std: (3,) levels.
    """

    def __init__(self, target: Literal["rgb", "ycbcr"], mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.target = target
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, batch: jd.JpegBatch) -> Tensor:
        """Decode and normalise.

        Returns:
            (n, 3, h, w), channels-last in memory.
        """
        return to_pixels(batch, self.target, 1 / self.std, -self.mean / self.std, channels_last=True)

    def get_extra_state(self) -> dict[str, str]:
        """The kind of pixels."""
        return {"pixels": self.target}

    def set_extra_state(self, state: dict[str, str]) -> None:
        """Check that a loaded state is of the same kind of pixels.

        Raises:
            InputError: If it is of others.
        """
        if state["pixels"] != self.target:
            raise InputError(f"this state is of {state['pixels']} pixels, the network takes {self.target}")


def fit_pixels(batches: Sequence[jd.JpegBatch] | tqdm, target: Literal["rgb", "ycbcr"]) -> tuple[Tensor, Tensor]:
    """Fit the mean and standard deviation of pixels.

    Returns:
        Each (3,) levels, float64; a standard deviation of 1 for channels that do not vary, as the chroma of gray files.
    """
    count, total, squares = 0, torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for batch in batches:
        # Around the middle of the levels, squares lose no digits.
        pixels = to_pixels(batch, target).double().cpu() - 128
        count += pixels[:, 0].numel()
        total += pixels.sum((0, 2, 3))
        squares += pixels.square().sum((0, 2, 3))
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    return mean + 128, torch.where(std < _STILL, 1.0, std)


class Inputs:
    """All that the variants are fed with.

    Of one seed and epoch, every variant sees the same files in the same order, cut at the same places: the random
    numbers do not depend on the size that a crop is brought to.

    Args:
        training: Files to train with.
        testing: Files to test with.
        side: Of the RGB network's images.
        short: Short side of whole test images, before their middle is cut out, at that scale.
        area: Smallest share of an image that a crop in training takes.
        scale: Side of the images that frequency channels are taken of, over `side`.
        batch: Images of a step.
        threads: That read files ahead.
        device: That the networks are on.
        quiet: Whether to show no progress.
    """

    def __init__(
        self,
        training: Files,
        testing: Files,
        *,
        side: int,
        short: int,
        area: float,
        scale: int,
        batch: int,
        threads: int = 1,
        device: torch.device | None = None,
        quiet: bool = False,
    ) -> None:
        self.training, self.testing = training, testing
        self.side, self.short, self.area, self.scale, self.batch = side, short, area, scale, batch
        self.threads, self.device, self.quiet = threads, device, quiet
        self._pixels: dict[str, tuple[Tensor, Tensor]] = {}

    def _scale(self, variant: Variant) -> int:
        return 1 if variant.selection is None else self.scale

    def _crops(self, scale: int) -> pp.Transform:
        crop = pp.RandomResizedCrop(scale * self.side, scale=(self.area, 1.0))
        return pp.Compose([crop, pp.RandomHorizontalFlip()])

    def train(self, variant: Variant, seed: int) -> jd.data.Loader:
        """Load one epoch of whole training batches, with random crops and in random order."""
        return jd.loader(
            self.training,
            self.batch,
            preprocess=self._crops(self._scale(variant)),
            shuffle=True,
            drop_last=True,
            threads=self.threads,
            device=self.device,
            generator=torch.Generator().manual_seed(seed),
        )

    def test(self, variant: Variant) -> jd.data.Loader:
        """Load the centre crops of the test images, in the files' order.

        Returns:
            All batches, in the files' order.
        """
        scale = self._scale(variant)
        middle = pp.Compose([pp.Resize(scale * self.short), pp.CenterCrop(scale * self.side)])
        return jd.loader(self.testing, self.batch, preprocess=middle, threads=self.threads, device=self.device)

    def entry(self, variant: Variant) -> nn.Module:
        """Build the first layer of a variant's network, from batches to normalised pixels or channels."""
        if variant.selection is not None:
            return Frontend(variant.selection, self._channels)
        target = PIXELS[variant.name]
        if target not in self._pixels:
            self._pixels[target] = fit_pixels(self._sample(1, f"statistics of {variant.name}"), target)
        return PixelEntry(target, *self._pixels[target])

    @cached_property
    def _channels(self) -> ChannelStatistics:
        return fit_statistics(self._sample(self.scale, "statistics of channels"))

    def _sample(self, scale: int, description: str) -> tqdm:
        step = -(-len(self.training) // _FITTED)
        batches = jd.loader(
            self.training,
            self.batch,
            preprocess=self._crops(scale),
            sampler=range(0, len(self.training), step),
            threads=self.threads,
            device=self.device,
            generator=torch.Generator().manual_seed(0),
        )
        images = (batch for batch, _ in batches)
        return tqdm(images, total=len(batches), desc=description, unit="batch", leave=False, disable=self.quiet)
