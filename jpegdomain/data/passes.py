"""`Loader`: a data set's batches, pass by pass, prefetched by threads while a network works on the current one."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from jpegdomain.errors import InputError, JpegFileError

from .batch import FileReport
from .collating import Collate, Loaded
from .columns import moved
from .prefetching import prefetch

__all__ = ["Loader"]

_Job: TypeAlias = tuple[Sequence[Any], int]
"""A batch's indices or items, and its seed."""
_Made: TypeAlias = tuple[Loaded | None, list[FileReport]]
"""A batch, None if all of its files were left out, and the reports on its files."""


class Loader(DataLoader[Any]):
    """Iterates over a data set's batches, any number of times; made by `loader`.

    It is torch's ``DataLoader`` with threads instead of worker processes. Lightning and accelerate, which inspect a
    loader, rebuild it with another sampler or shard it, work with it.

    Args:
        dataset: As for `loader`, like all the others.
        batch_size: Items in a batch.
        collate_fn: A `Collate` or a `PixelCollate`.
        shuffle: Draw a new order for each pass.
        sampler: Indices in order.
        batch_sampler: Lists of indices, instead of the above.
        drop_last: Drop a last batch that has fewer items.
        threads: Number of threads.
        device: The batches' device.
        generator: The generator for orders and seeds.
        progress: Show a progress bar.

    Attributes:
        reports: The reports of the current or last pass so far: on each file that was left out, and on defective files
            that were kept.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int | None = 1,
        *,
        collate_fn: Collate,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        drop_last: bool = False,
        threads: int = 1,
        device: torch.device | None = None,
        generator: torch.Generator | None = None,
        progress: bool = False,
    ) -> None:
        if not isinstance(collate_fn, Collate):
            raise InputError(
                f"collate_fn must be a jpegdomain.Collate or PixelCollate, got {type(collate_fn).__qualname__}; "
                "torch.utils.data.DataLoader takes any"
            )
        if batch_size is None and batch_sampler is None:
            raise InputError("a loader makes batches: give it a batch_size or a batch_sampler")
        super().__init__(
            dataset,
            1 if batch_sampler is not None else batch_size,
            shuffle=shuffle or None,
            sampler=sampler,
            batch_sampler=batch_sampler,
            collate_fn=collate_fn,
            drop_last=drop_last,
            generator=generator,
        )
        self.threads = threads
        self.device = device
        self.progress = progress
        self.reports: list[FileReport] = []
        self._shuffles = shuffle

    @property
    def collate(self) -> Collate:
        """The `collate_fn`."""
        return self.collate_fn  # type: ignore[return-value]

    @property
    def left_out(self) -> list[FileReport]:
        """The `reports` on files that were left out of their batches."""
        return [report for report in self.reports if report.left_out]

    def __iter__(self) -> Iterator[Loaded]:  # type: ignore[override]
        # One number from the outer generator, drawn as torch's own loader does, seeds everything else.
        seed = int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=self.generator))
        own = torch.Generator().manual_seed(seed)
        results = prefetch(self._make, self._jobs(own), self.threads)
        self.reports = reports = []
        empty = True
        for loaded, said in self._shown(results):
            reports += said
            if loaded is not None:
                empty = False
                yield self._sent(loaded)
        if empty and reports:
            raise JpegFileError(f"none of the {len(reports)} files could be used; {reports[0].reason}")

    def _jobs(self, generator: torch.Generator) -> Iterator[_Job]:
        """Each batch's indices, or its items if the data set is iterable; and a seed."""
        # Draws must not depend on which thread makes a batch, or when.
        if isinstance(self.dataset, IterableDataset):
            for items in self._runs():
                yield items, int(torch.randint(2**62, (), generator=generator, device="cpu"))
            return
        batches = self._batches(generator)
        seeds = torch.randint(2**62, (len(batches),), generator=generator, device="cpu").tolist()
        yield from zip(batches, seeds, strict=True)

    def _runs(self) -> Iterator[list[Any]]:
        """The items of an iterable data set, as many as a batch has."""
        items, size = iter(self.dataset), self.batch_size or 1
        while run := list(itertools.islice(items, size)):
            if len(run) == size or not self.drop_last:
                yield run

    def _batches(self, generator: torch.Generator) -> list[list[int]]:
        if not self._shuffles:
            return list(self.batch_sampler)  # type: ignore[arg-type]
        assert self.batch_size is not None
        order = torch.randperm(len(self.dataset), generator=generator, device="cpu").tolist()  # type: ignore[arg-type]
        batches = [order[at : at + self.batch_size] for at in range(0, len(order), self.batch_size)]
        return batches[:-1] if self.drop_last and batches and len(batches[-1]) < self.batch_size else batches

    def _make(self, job: _Job) -> _Made:
        batch, seed = job
        together = getattr(self.dataset, "__getitems__", None)
        if isinstance(self.dataset, IterableDataset):
            items = batch
        else:
            items = [self.dataset[index] for index in batch] if together is None else together(batch)
        loaded, reports = self.collate.some(items, torch.Generator().manual_seed(seed))
        if loaded is None:
            return None, reports
        loaded = self.collate.reported(loaded, reports)
        if self.device is not None and self.device.type == "cuda":
            loaded = moved(loaded, lambda part: part.pin_memory())
        return loaded, reports

    def _sent(self, loaded: Loaded) -> Loaded:
        if self.device is None:
            return loaded
        return moved(loaded, lambda part: part.to(self.device, non_blocking=True))

    def _shown(self, results: Iterator[_Made]) -> Iterator[_Made]:
        if not self.progress:
            return results
        from tqdm.auto import tqdm

        total = None if isinstance(self.dataset, IterableDataset) else len(self)
        return iter(tqdm(results, total=total, unit="batch"))

    def __repr__(self) -> str:
        batches = "batches" if isinstance(self.dataset, IterableDataset) else f"{len(self)} batches"
        size = "" if self.batch_size is None else f" of {self.batch_size}"
        return f"Loader({self.dataset!r}, {batches}{size}, threads={self.threads})"
