"""`loader`: a `Loader` of a data set, and what may be wrong with it."""

import importlib.util
from collections.abc import Iterable
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset

from jpegdomain.errors import InputError, MissingPackageError

from .collating import Collate
from .passes import Loader

__all__ = ["loader"]


def loader(
    dataset: Dataset[Any],
    batch_size: int = 1,
    *,
    preprocess: object = None,
    shuffle: bool = False,
    sampler: Iterable[int] | None = None,
    drop_last: bool = False,
    threads: int = 1,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    orient: bool = False,
    progress: bool = False,
    collate_fn: Collate | None = None,
) -> Loader:
    """Read a data set in batches: (`JpegBatch`, labels) for a converted network, or pixels for any other.

    Threads read and collate in advance: decoding does not hold the GIL, and nothing is copied between processes. Only
    int16 coefficients move to a GPU, from page-locked memory. If a random preprocess dominates the time, on many cores,
    use the worker processes of ``torch.utils.data.DataLoader(dataset, collate_fn=Collate(preprocess), num_workers=…)``.

    One number of `generator` per pass determines the order and all random draws, whatever the number of threads.

    Args:
        dataset: A `JpegDataset`, `JpegFolder`, or another data set of items as `Collate` takes them, map-style or
            iterable. An iterable one has an order of its own.
        batch_size: Items a batch.
        preprocess: As for `collate`; the data set's own if None. With one, images of any sizes make a batch.
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
        collate_fn: A `Collate`, or a `PixelCollate` for normalised pixels, instead of `preprocess`, `dtype` and
            `orient`; its preprocess is the data set's own if None.

    Returns:
        An iterable of batches, for any number of passes. A file that cannot be read raises its error in its batch's
        place. If the data set skips such files, a batch has fewer items, and an empty one is dropped; `Loader.left_out`
        lists the files, and a pass that lost all of them ends with a `JpegFileError`. Processes that train together
        need equally many batches: for them use torch's own loader with `Collate`, which fills an empty batch with
        another image.

    Raises:
        InputError: If a number is out of range, `sampler` and `shuffle` are both given, or `collate_fn` and what it
            replaces.
        MissingPackageError: If `progress` is true and tqdm is not installed.
    """
    for name, number, least in (("batch_size", batch_size, 1), ("threads", threads, 0)):
        if not isinstance(number, int) or number < least:
            raise InputError(f"{name} must be an integer ≥ {least}, got {number!r}")
    if sampler is not None and shuffle:
        raise InputError("a sampler has its own order: give sampler or shuffle, not both")
    if progress and importlib.util.find_spec("tqdm") is None:
        raise MissingPackageError("progress=True needs tqdm: pip install tqdm")
    if collate_fn is not None and (preprocess is not None or dtype != torch.float32 or orient):
        raise InputError("preprocess, dtype and orient are those of collate_fn: give them there")
    if isinstance(dataset, IterableDataset) and (shuffle or sampler is not None):
        raise InputError("an iterable data set has its own order: shuffle there, and give no sampler")
    if collate_fn is None:
        own = getattr(dataset, "preprocess", None)
        collate_fn = Collate(own if preprocess is None else preprocess, dtype, orient)
    return Loader(
        dataset,
        batch_size,
        collate_fn=collate_fn,
        sampler=sampler,
        shuffle=shuffle,
        drop_last=drop_last,
        threads=threads,
        device=None if device is None else torch.device(device),
        generator=generator,
        progress=progress,
    )
