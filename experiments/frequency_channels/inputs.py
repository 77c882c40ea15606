"""What comes between the files and the networks: data sets, crops, pixels or frequency channels, their statistics."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

import jpegdomain as jd
from experiments.frequency_channels.entries import HalvedChromaEntry, NoisyEntry, PixelEntry, fit_pixels
from experiments.frequency_channels.variants import AUTHORS, PIXELS, TEMPERED, Variant
from experiments.lib.team import ALONE, Team
from jpegdomain import preprocess as pp
from jpegdomain.errors import EmptyFolderError, JpegFileError, LeftOutWarning
from jpegdomain.frequency import ChannelStatistics, Frontend, fit_statistics, published_statistics

__all__ = ["Files", "Inputs", "find_files"]

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
        filled: Whether the next file takes the place of one that is left out. Then all batches are whole: processes
            that share a batch count on parts of equal size.
    """

    def __init__(self, folder: jd.JpegFolder, limit: int | None = None, *, filled: bool = False) -> None:
        step = 1 if limit is None else -(-len(folder) // limit)
        super().__init__(folder.files[::step], folder.targets[::step], on_error="skip")
        self.classes, self.filled = len(folder.classes), filled

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[jd.JpegImage, int]]:
        """Read several files.

        Raises:
            JpegFileError: If a place is to be filled, and no file can be read.
        """
        items = self._usable_of(indices)
        if self.filled and len(items) < len(indices):
            return [self._usable_from(index) for index in indices]
        return items

    def _usable_from(self, index: int) -> tuple[jd.JpegImage, int]:
        for step in range(len(self)):
            if found := self._usable_of([(index + step) % len(self)]):
                return found[0]
        raise JpegFileError(f"none of the {len(self)} training files can be used; the warnings say why")

    def _usable_of(self, indices: Sequence[int]) -> list[tuple[jd.JpegImage, int]]:
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


def find_files(root: Path, limit: int | None = None) -> tuple[Files, Files]:
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
    return Files(training, limit, filled=True), Files(testing, limit)


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
        scale: Side of the images that frequency channels are taken from, over `side`.
        batch: Images of a step.
        threads: That read files ahead.
        device: That the networks are on.
        quiet: Whether to show no progress.
        parts: Of a batch, that draw their crops independently and can be read by different processes.
        team: The processes that share the batches.
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
        parts: int = 1,
        team: Team = ALONE,
    ) -> None:
        self.training, self.testing = training, testing
        self.parts, self.team = parts, team
        self.side, self.short, self.area, self.scale, self.batch = side, short, area, scale, batch
        self.threads, self.device, self.quiet = threads, device, quiet
        self._pixels: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}

    def image_side(self, variant: Variant) -> int:
        """Side of the images that a variant's pixels or channels are taken from."""
        return self.scale_of(variant) * self.side

    def scale_of(self, variant: Variant) -> int:
        """Side of the images that a variant's pixels or channels are taken from, over `side`."""
        large = variant.large or (variant.selection is not None and not variant.halved)
        return self.scale if large else 1

    def _crops(self, scale: int) -> pp.Transform:
        crop = pp.RandomResizedCrop(scale * self.side, scale=(self.area, 1.0))
        return pp.Compose([crop, pp.RandomHorizontalFlip()])

    def train(self, variant: Variant, seed: int) -> Iterator[list[tuple[jd.JpegBatch, Tensor]]]:
        """Load one epoch of whole training batches, with random crops and in random order.

        Every part of a batch has random numbers of its own: they depend neither on the other parts nor on the process
        that reads it.

        Yields:
            Of each batch the parts that are this process's, in order.
        """
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self.training), generator=generator).tolist()
        seeds = torch.randint(2**62, (self.parts,), generator=generator).tolist()
        size = self.batch // self.parts
        loaders = [
            jd.loader(
                self.training,
                size,
                preprocess=self._crops(self.scale_of(variant)),
                sampler=[index for step in range(self.steps) for index in _part(order, step * self.parts + part, size)],
                threads=self.threads,
                device=self.device,
                generator=torch.Generator().manual_seed(seeds[part]),
            )
            for part in self.team.share(range(self.parts))
        ]
        yield from (list(parts) for parts in zip(*loaders, strict=True))

    @property
    def steps(self) -> int:
        """Whole batches in an epoch."""
        return len(self.training) // (self.batch // self.parts * self.parts)

    def test(self, variant: Variant) -> jd.data.Loader:
        """Load the centre crops of this process's share of the test images.

        Returns:
            Batches, in the files' order.
        """
        scale = self.scale_of(variant)
        middle = pp.Compose([pp.Resize(scale * self.short), pp.CenterCrop(scale * self.side)])
        own = self.team.slice(range(len(self.testing)))
        return jd.loader(
            self.testing, self.batch, preprocess=middle, sampler=own, threads=self.threads, device=self.device
        )

    def entry(self, variant: Variant) -> nn.Module:
        """Build the first layer of a variant's network, from batches to normalised pixels or channels."""
        if variant.halved:
            return HalvedChromaEntry()
        if variant.selection is not None:
            entry = Frontend(variant.selection, self._normalised(variant.normalisation))
            return NoisyEntry(entry, variant.noise, self.team) if variant.noise else entry
        target, scale = PIXELS[variant.name], self.scale_of(variant)
        if (target, scale) not in self._pixels:
            self._pixels[target, scale] = fit_pixels(self._sample(scale, f"statistics of {variant.name}"), target)
        return PixelEntry(target, *self._pixels[target, scale])

    def sample(self, variant: Variant) -> tqdm:
        """Load training images for statistics: at most 10,000, evenly spread, in the crops of training.

        Returns:
            Batches without labels.
        """
        return self._sample(self.scale_of(variant), f"sample for {variant.name}")

    def _normalised(self, normalisation: float | str | None) -> ChannelStatistics:
        if normalisation is None:
            return self._channels
        if normalisation == AUTHORS:
            return published_statistics()
        if normalisation == TEMPERED:
            return replace(self._channels, std=self._channels.std.sqrt(), floor=0.0, source="measured, square roots")
        return self._channels.with_floor(float(normalisation))

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


def _part(order: Sequence[int], number: int, size: int) -> Sequence[int]:
    return order[number * size : (number + 1) * size]
