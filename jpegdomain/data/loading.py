"""`loader`: a data set's batches, prefetched by threads while a network works on the current one."""

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from jpegdomain.errors import InputError, JpegFileError, MissingPackageError
from jpegdomain.preprocess import Transform

from .batch import FileReport
from .collation import Collate, Loaded
from .labelling import moved
from .skipping import Item

__all__ = ["Loader", "loader", "prefetch"]

_Batch: TypeAlias = tuple[Sequence[int], int]
"""A batch's indices and its seed."""
_Made: TypeAlias = tuple[Loaded | None, list[FileReport]]
"""A batch, None if all of its files were left out, and the reports on its files."""
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@dataclass(eq=False, repr=False, kw_only=True)
class Loader:
    """A data set's batches, any number of times; `loader` makes it and describes its arguments.

    Attributes:
        reports: Of the current or last pass, up to the batch that came last: on each file that was left out, and on
            defective files that were not.
    """

    dataset: Dataset[Item]
    collate: Collate
    batch_size: int
    sampler: Iterable[int] | None
    shuffle: bool
    drop_last: bool
    threads: int
    device: torch.device | None
    generator: torch.Generator | None
    progress: bool
    reports: list[FileReport] = field(default_factory=list, init=False)

    @property
    def left_out(self) -> list[FileReport]:
        """The `reports` on files that were left out of their batches."""
        return [report for report in self.reports if report.left_out]

    def __len__(self) -> int:
        items = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)

    def __iter__(self) -> Iterator[Loaded]:
        # One number of the outer generator, as torch's own loader draws it, seeds everything else.
        seed = int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=self.generator))
        own = torch.Generator().manual_seed(seed)
        batches = self._batches(own)
        # One seed for each batch: the draws of a random preprocess do not depend on which thread makes it, or when.
        seeds = torch.randint(2**62, (len(batches),), generator=own, device="cpu").tolist()
        results = prefetch(self._make, zip(batches, seeds, strict=True), self.threads)
        self.reports = reports = []
        empty = True
        for loaded, said in self._shown(results, len(batches)):
            reports += said
            if loaded is not None:
                empty = False
                yield self._sent(loaded)
        if empty and reports:
            raise JpegFileError(f"none of {len(reports)} files could be used; {reports[0].reason}")

    def _batches(self, generator: torch.Generator) -> list[list[int]]:
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.sampler is not None:
            order = list(self.sampler)
        elif self.shuffle:
            order = torch.randperm(count, generator=generator, device="cpu").tolist()
        else:
            order = list(range(count))
        batches = [order[at : at + self.batch_size] for at in range(0, len(order), self.batch_size)]
        return batches[:-1] if self.drop_last and batches and len(batches[-1]) < self.batch_size else batches

    def _make(self, job: _Batch) -> _Made:
        indices, seed = job
        together = getattr(self.dataset, "__getitems__", None)
        items = [self.dataset[index] for index in indices] if together is None else together(indices)
        loaded, reports = self.collate.some(items, torch.Generator().manual_seed(seed))
        if loaded is None:
            return None, reports
        batch, labels = loaded
        if self.device is not None and self.device.type == "cuda":
            batch = batch.pin_memory()
            labels = moved(labels, Tensor.pin_memory)
        return (batch.reporting(reports), labels), reports

    def _sent(self, loaded: Loaded) -> Loaded:
        if self.device is None:
            return loaded
        batch, labels = loaded
        labels = moved(labels, lambda label: label.to(self.device, non_blocking=True))
        return batch.to(self.device, non_blocking=True), labels

    def _shown(self, results: Iterator[_Made], total: int) -> Iterator[_Made]:
        if not self.progress:
            return results
        from tqdm.auto import tqdm

        return iter(tqdm(results, total=total, unit="batch"))

    def __repr__(self) -> str:
        return f"Loader({self.dataset!r}, {len(self)} batches of {self.batch_size}, threads={self.threads})"


def loader(
    dataset: Dataset[Item],
    batch_size: int = 1,
    *,
    preprocess: Transform | None = None,
    shuffle: bool = False,
    sampler: Iterable[int] | None = None,
    drop_last: bool = False,
    threads: int = 1,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    orient: bool = False,
    progress: bool = False,
) -> Loader:
    """Read a data set in batches: (`JpegBatch`, labels) for a converted network.

    Threads read and collate in advance: decoding does not hold the GIL, and nothing is copied between processes. Only
    int16 coefficients move to a GPU, from page-locked memory. If a random preprocess dominates the time, on many cores,
    use the worker processes of ``torch.utils.data.DataLoader(dataset, collate_fn=Collate(preprocess), num_workers=…)``.

    One number of `generator` per pass determines the order and all random draws, whatever the number of threads.

    Args:
        dataset: A `JpegDataset`, `JpegFolder`, or another map-style data set of (`JpegImage`, label).
        batch_size: Items a batch.
        preprocess: A transform of `jpegdomain.preprocess`; the data set's own if None. With one, images of any sizes
            make a batch.
        shuffle: Draw a new order for each pass.
        sampler: Indices in order, iterated for each pass, such as ``torch.utils.data.DistributedSampler``; instead of
            `shuffle`.
        drop_last: Drop a last batch of fewer items.
        threads: How many; 0 does all work when a batch is asked for. Up to ``threads + 1`` batches are prefetched, on
            the CPU with all coefficients that were read of their files, whatever the preprocess needs of them.
        device: Where batches go; the CPU if None.
        generator: Of orders and seeds; torch's global one if None.
        dtype: The floating-point type that the images enter the network in.
        orient: Turn images upright first, by their EXIF orientation.
        progress: Show a progress bar of batches; it needs tqdm.

    Returns:
        An iterable of batches, for any number of passes. A file that cannot be read raises its error in its batch's
        place. If the data set skips such files, a batch has fewer items, and an empty one is dropped; `Loader.left_out`
        lists the files, and a pass that lost all of them ends with a `JpegFileError`. Processes that train together
        need equally many batches: for them use torch's own loader with `Collate`, which fills an empty batch with
        another image.

    Raises:
        InputError: If a number is out of range, or `sampler` and `shuffle` are both given.
        MissingPackageError: If `progress` is true and tqdm is not installed.
    """
    for name, number, least in (("batch_size", batch_size, 1), ("threads", threads, 0)):
        if not isinstance(number, int) or number < least:
            raise InputError(f"{name} must be an integer ≥ {least}, got {number!r}")
    if sampler is not None and shuffle:
        raise InputError("a sampler has its own order: give sampler or shuffle, not both")
    if progress and importlib.util.find_spec("tqdm") is None:
        raise MissingPackageError("progress=True needs tqdm: pip install tqdm")
    if preprocess is None:
        preprocess = getattr(dataset, "preprocess", None)
    return Loader(
        dataset=dataset,
        collate=Collate(preprocess, dtype, orient),
        batch_size=batch_size,
        sampler=sampler,
        shuffle=shuffle,
        drop_last=drop_last,
        threads=threads,
        device=None if device is None else torch.device(device),
        generator=generator,
        progress=progress,
    )


def prefetch(work: Callable[[_Job], _Result], jobs: Iterable[_Job], threads: int) -> Iterator[_Result]:
    """Yield each job's result in order, while threads do the jobs that follow.

    At most ``threads + 1`` results are held in advance. An error is raised in its result's place. When the iterator is
    closed or dropped, no further job is started.

    Args:
        work: Runs in several threads at once.
        jobs: Any number, drawn as they are needed.
        threads: How many; with 0 each job is done when its result is asked for.

    Yields:
        The results, in the jobs' order.
    """
    if not threads:
        yield from map(work, jobs)
        return
    remaining = iter(jobs)
    waiting: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="jpegdomain-loader")
    try:
        while True:
            for job in remaining:
                waiting.append(pool.submit(work, job))
                if len(waiting) > threads:
                    break
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
