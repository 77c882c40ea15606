"""`loader`: a data set's batches, read and collated ahead by threads while a network works on those before."""

import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from jpegdomain.errors import InputError, JpegFileError, MissingPackageError
from jpegdomain.preprocess import Transform

from .batch import FileReport
from .collation import Collate, Loaded
from .skipping import Item

__all__ = ["Loader", "loader", "prefetch"]

_Batch: TypeAlias = tuple[Sequence[int], int]
"""A batch's indices and its seed."""
_Made: TypeAlias = tuple[Loaded | None, list[FileReport]]
"""A batch, None if all of its files were left out, and what there is to say about files."""
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Loader:
    """A data set's batches, any number of times; `loader` makes it.

    Args:
        dataset: Of (`JpegImage`, label).
        collate: From items and a generator to a batch.
        batch_size: Items a batch.
        sampler: Indices in their order, or None.
        shuffle: Whether a new order is drawn each time.
        drop_last: Whether a last batch of fewer items is left out.
        threads: That work ahead.
        device: Where batches are to be, None to leave them.
        generator: Of orders and seeds; torch's global one if None.
        progress: Whether a bar is shown.

    Attributes:
        reports: Of the pass that began last, up to the batch that came last, on each file that was left out, and on
            those that were not sound but came.
    """

    def __init__(
        self,
        dataset: Dataset[Item],
        collate: Collate,
        *,
        batch_size: int,
        sampler: Iterable[int] | None,
        shuffle: bool,
        drop_last: bool,
        threads: int,
        device: torch.device | None,
        generator: torch.Generator | None,
        progress: bool,
    ) -> None:
        self.dataset = dataset
        self.collate = collate
        self.batch_size = batch_size
        self.sampler = sampler
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.threads = threads
        self.device = device
        self.generator = generator
        self.progress = progress
        self.reports: list[FileReport] = []

    @property
    def left_out(self) -> list[FileReport]:
        """The `reports` on files that are missing from their batches."""
        return [report for report in self.reports if report.left_out]

    def __len__(self) -> int:
        items = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)

    def __iter__(self) -> Iterator[Loaded]:
        # One number of the outer generator, as torch's own loader draws it; all else follows from that.
        seed = int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=self.generator))
        own = torch.Generator().manual_seed(seed)
        batches = self._batches(own)
        # Each batch has its own seed: what a random preprocess draws does not depend on who makes the batch, or when.
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
            labels = labels.pin_memory() if isinstance(labels, Tensor) else labels
        return (batch.reporting(reports), labels), reports

    def _sent(self, loaded: Loaded) -> Loaded:
        if self.device is None:
            return loaded
        batch, labels = loaded
        if isinstance(labels, Tensor):
            labels = labels.to(self.device, non_blocking=True)
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

    Threads read and collate ahead: decoding does not hold the GIL, and nothing is copied between processes. What moves
    to a GPU is int16, from page-locked memory; the rest happens there. Where a random preprocess is what takes the
    time, on many cores, ``torch.utils.data.DataLoader(dataset, collate_fn=Collate(preprocess), num_workers=…)`` has
    worker processes instead.

    Orders and random preprocesses follow from one number of `generator` each time, whatever the number of threads.

    Args:
        dataset: A `JpegDataset`, `JpegFolder`, or another map-style data set of (`JpegImage`, label).
        batch_size: Items a batch.
        preprocess: A transform of `jpegdomain.preprocess`; the data set's own if None. With one, images of any sizes
            make a batch.
        shuffle: Whether a new order is drawn for each pass.
        sampler: Indices in their order, for each pass anew, such as ``torch.utils.data.DistributedSampler``; instead
            of `shuffle`.
        drop_last: Whether a last batch of fewer items is left out.
        threads: How many; 0 does all work when a batch is asked for. Up to ``threads + 1`` batches are held ahead, on
            the CPU with all coefficients that were read of their files, whatever the preprocess needs of them.
        device: Where batches are to be; the CPU if None.
        generator: Of orders and seeds; torch's global one if None.
        dtype: The floating-point type that the images enter the network in.
        orient: Whether images are turned upright first, by their EXIF orientation.
        progress: Whether a bar of batches is shown; it needs tqdm.

    Returns:
        An iterable of batches that can be gone through any number of times. A file that cannot be read raises its
        error in its batch's place. Where the data set leaves files out, a batch has fewer items, and one that lost all
        does not come; `Loader.left_out` lists the files, and a pass that lost all of them ends with a `JpegFileError`.
        Processes that train together need as many batches each: there, take torch's own loader with `Collate`, which
        puts another image in such a batch's place.

    Raises:
        InputError: If a number is out of range, or `sampler` and `shuffle` are both given.
        MissingPackageError: If a bar is asked for and tqdm is not installed.
    """
    for name, number, least in (("batch_size", batch_size, 1), ("threads", threads, 0)):
        if not isinstance(number, int) or number < least:
            raise InputError(f"{name} is a number from {least} on, got {number!r}")
    if sampler is not None and shuffle:
        raise InputError("a sampler has an order of its own: give sampler or shuffle, not both")
    if progress and importlib.util.find_spec("tqdm") is None:
        raise MissingPackageError("progress=True needs tqdm: pip install tqdm")
    if preprocess is None:
        preprocess = getattr(dataset, "preprocess", None)
    return Loader(
        dataset,
        Collate(preprocess, dtype, orient),
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
    """Yield each job's result in turn, while threads do the jobs that follow.

    At most ``threads + 1`` results are held before they are asked for. An error is raised where its result would have
    stood. When the iterator is closed or dropped, what has not begun is not begun.

    Args:
        work: What to do with a job; it runs in several threads at once.
        jobs: Any number, looked at as they are needed.
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
