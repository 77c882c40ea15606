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
    int16 coefficients move to a GPU, from page-locked memory. If a random preprocess takes most of the time and there
    are many cores, use worker processes:
    ``torch.utils.data.DataLoader(dataset, collate_fn=Collate(preprocess), num_workers=…)``.

    One number from `generator` per pass determines the order and all random draws, whatever the number of threads.

    Args:
        dataset: A `JpegDataset`, `JpegFolder`, or another data set of items as `Collate` takes them, map-style or
            iterable. An iterable one has an order of its own.
        batch_size: Items in a batch.
        preprocess: As for `collate`; the data set's own if None. With one, images of any sizes make a batch.
        shuffle: Draw a new order for each pass.
        sampler: Indices in order, iterated for each pass, such as ``torch.utils.data.DistributedSampler``; instead of
            `shuffle`.
        drop_last: Drop a last batch that has fewer items.
        threads: Number of threads; with 0, each batch is made when it is requested. Up to ``threads + 1`` batches are
            prefetched. On the CPU they hold all coefficients that were read, even those the preprocess does not need.
        device: The batches' device; the CPU if None.
        generator: The generator for orders and seeds; torch's global one if None.
        dtype: The floating-point type that the images have in the network.
        orient: Turn images upright first, by their EXIF orientation.
        progress: Show a progress bar of batches; this needs tqdm.
        collate_fn: A `Collate`, or a `PixelCollate` for normalised pixels, instead of `preprocess`, `dtype` and
            `orient`; if it has no preprocess, the data set's own is used.

    Returns:
        An iterable of batches, for any number of passes. If a file cannot be read, its error is raised in place of its
        batch. If the data set skips such files, a batch has fewer items, and empty batches are dropped.
        `Loader.left_out` lists these files, and a pass that lost all files ends with a `JpegFileError`. Processes that
        train together need the same number of batches: for them use torch's own loader with `Collate`, which fills an
        empty batch with another image.

    Raises:
        InputError: If a number is out of range, or if `sampler` and `shuffle`, or `collate_fn` and the arguments that
            it replaces, are both given.
        MissingPackageError: If `progress` is true and tqdm is not installed.
    """
    for name, number, least in (("batch_size", batch_size, 1), ("threads", threads, 0)):
        if not isinstance(number, int) or number < least:
            raise InputError(f"{name} must be an integer ≥ {least}, got {number!r}")
    if sampler is not None and shuffle:
        raise InputError("a sampler determines the order: give sampler or shuffle, not both")
    if progress and importlib.util.find_spec("tqdm") is None:
        raise MissingPackageError("progress=True needs tqdm: pip install tqdm")
    if collate_fn is not None and (preprocess is not None or dtype != torch.float32 or orient):
        raise InputError("with collate_fn, preprocess, dtype and orient must be given to it, not to the loader")
    if isinstance(dataset, IterableDataset) and (shuffle or sampler is not None):
        raise InputError("an iterable data set determines the order: shuffle there, and do not give a sampler")
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
