"""`Collate`: makes a batch and labels from a data loader's items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch

from jpegdomain.codec import MAX_PIXELS, MAX_SCANS, JpegImage
from jpegdomain.errors import InputError, JpegFileError
from jpegdomain.preprocess import simplified

from .batch import FileReport, JpegBatch
from .collation import collate
from .columns import Keys, join, split
from .dataset import OnBroken, check_on_error
from .indexes import UnreadImage
from .labelling import following
from .other_formats import PixelImage
from .reading import Limits, name_of, read_as_needed
from .skipping import Item, Items, batch_of_most, in_worker, left_out, preprocess_of, said_in_main

__all__ = ["Collate", "Loaded"]

Loaded: TypeAlias = Any
"""A batch and its labels, in a tuple or a dict, or only a batch."""

_PLACE = "item {} of the batch"


@dataclass(frozen=True)
class Collate:
    """Makes (`JpegBatch`, labels) from a data loader's items: a ``collate_fn`` for ``torch.utils.data.DataLoader``.

    Items are (image, label) tuples from a `JpegDataset` or any other data set, map-style or iterable. An image is a
    record, or what `read_jpeg` takes: a path, a file's bytes, or a one-dimensional uint8 array or tensor of them.
    Further entries of the tuples are returned after the labels. Dict items give a dict, {'pixel_values': batch,
    'labels': labels, …}, as Hugging Face's trainer passes it to models; there an image may also be {'bytes': …,
    'path': …}, as ``datasets.Image(decode=False)`` gives it. Items that are only images give only a batch.

    The batch holds the records until it leaves the process: a worker sends a copy of the int16 coefficients that the
    batch needs. They become floats where the network runs.

    Boxes, keypoints and masks of ``torchvision.tv_tensors`` in the items are transformed like their images
    (`jpegdomain.preprocess.follow`). Items with boxes or keypoints are not stacked; these come out in a list.

    In torch's own loader a random preprocess draws from torch's global generator, which is seeded in each worker:
    reproducing the draws needs the same number of workers. In `jpegdomain.loader` they do not depend on it.

    With ``on_error="skip"``, here or in the data set, files that cannot be part of a batch are left out: damaged ones,
    those with two components or too small for a crop, and, without a preprocess, those of another size than most of
    their batch. `JpegBatch.reports` names them, also from workers, and so does a `LeftOutWarning` in the main process.
    A batch that lost all its files gets a usable file from an earlier batch, so that no batch from torch's loader is
    empty, and all processes have the same number of batches. If there is no earlier batch in this process, it gets the
    next usable file of the `JpegDataset`, which can be outside a ``torch.utils.data.Subset``.

    Args:
        preprocess: As for `collate`; with one, images of any sizes and samplings make a batch. If None, the data set's
            own is used, if the items come from a `JpegDataset`.
        dtype: The floating-point type that the images have in the network.
        orient: Turn images upright first, by their EXIF orientation.
        image: The key of the image in dict items.
        label: The key of the label in dict items; labels are returned as 'labels'.
        on_error: What to do with items whose files cannot be read, as for `JpegDataset`.
        as_dict: Return a dict for (image, label) items, too, as Hugging Face's trainer needs.

    Raises:
        InputError: If the preprocess cannot be read, or an argument is invalid.
    """

    preprocess: object = None
    dtype: torch.dtype = torch.float32
    orient: bool = False
    image: str = "image"
    label: str = "label"
    on_error: OnBroken = "raise"
    as_dict: bool = False

    def __post_init__(self) -> None:
        check_on_error(self.on_error)
        if self.preprocess is not None:
            # Raise errors about it here rather than in a worker.
            object.__setattr__(self, "preprocess", simplified(self.preprocess))

    def __call__(self, items: Sequence[Any], generator: torch.Generator | None = None) -> Loaded:
        """Make a batch.

        Args:
            items: One or more items; there may be none if a `JpegDataset` left all of them out.
            generator: The generator for a random preprocess; torch's global one if None.

        Returns:
            The images, and their labels as ``torch.utils.data.default_collate`` returns them: numbers as a tensor.

        Raises:
            InputError: If there are no items, or an item has no image.
            JpegFileError: If all items were left out, and the data set has no usable file.
        """
        if not items and not isinstance(items, Items):
            raise InputError("a batch needs at least one item, got none")
        loaded, reports = self.some(items, generator)
        if loaded is None and isinstance(items, Items):
            for others in items.others():
                loaded, _ = self.some(others, generator)
                if loaded is not None:
                    reports.append(_stand_in(others))
                    break
        if loaded is None:
            raise JpegFileError(f"no file of this data set can be used; {reports[0].reason}")
        return self.reported(loaded, reports)

    def some(
        self, items: Sequence[Any], generator: torch.Generator | None = None
    ) -> tuple[Loaded | None, list[FileReport]]:
        """Make a batch of the usable items, None if there are none; return it with the reports on files."""
        keys = Keys(self.image, self.label, self.as_dict)
        preprocess = preprocess_of(items) if self.preprocess is None else self.preprocess
        records, positions, reports = self._read([split(item, keys) for item in items], items, preprocess)
        if not records:
            return None, reports
        make = partial(self.made, preprocess=preprocess, generator=generator)
        if self.on_error == "skip" or (isinstance(items, Items) and items.skip):
            batch, records, more = batch_of_most(records, positions, make)
            reports = [*reports, *more]
        else:
            batch = make([image for image, _ in records])
        if batch is None:
            return None, reports
        rests = following([rest for _, rest in records], batch)
        return join(self.finished(batch, preprocess), rests, keys), reports

    def _read(
        self, parts: Sequence[tuple[Any, Any]], items: Sequence[Any], preprocess: object
    ) -> tuple[list[Item], Sequence[int], list[FileReport]]:
        """Read items that are not records yet; return records with the rest of their items, positions, and reports."""
        if isinstance(items, Items):
            return list(parts), items.positions, items.reports
        if all(isinstance(image, JpegImage | PixelImage | UnreadImage) for image, _ in parts):
            return list(parts), range(len(parts)), []
        limits = Limits("keep" if self.on_error == "keep" else "raise", MAX_PIXELS, MAX_SCANS, False)
        sources = [image for image, _ in parts]
        records: list[Item] = []
        positions: list[int] = []
        reports: list[FileReport] = []
        results = read_as_needed(sources, preprocess, limits, place=_PLACE, other_formats=self._other_formats)
        for number, (result, (_, rest)) in enumerate(zip(results, parts, strict=True)):
            if not isinstance(result, Exception):
                records.append((result, rest))
                positions.append(number)
            elif self.on_error == "skip":
                reports.append(left_out(number, name_of(sources[number], number, _PLACE), str(result)))
            else:
                raise result
        return records, positions, reports

    def made(self, images: Sequence[Any], *, preprocess: object, generator: torch.Generator | None) -> Any:
        """Make a batch of records."""
        return collate(images, preprocess=preprocess, orient=self.orient, generator=generator, dtype=self.dtype)

    def finished(self, batch: Any, preprocess: object) -> Any:  # noqa: ARG002
        """What is returned for a batch that was made with this preprocess: the batch itself."""
        return batch

    @property
    def _other_formats(self) -> bool:
        return False

    def reported(self, loaded: Loaded, reports: Sequence[FileReport]) -> Loaded:
        """Add the reports to the batch; warnings from a worker are raised where the batch arrives."""
        if not reports:
            return loaded

        def note(value: Any) -> Any:
            return value.reporting(reports) if isinstance(value, JpegBatch) else value

        if isinstance(loaded, dict):
            loaded = {key: note(value) for key, value in loaded.items()}
        else:
            loaded = tuple(map(note, loaded)) if isinstance(loaded, tuple) else note(loaded)
        return said_in_main(loaded, reports) if in_worker() else loaded


def _stand_in(items: Items) -> FileReport:
    (image, _), (position,) = items[0], items.positions
    return FileReport(position, image.source, "replaces a batch whose files were all left out", False)
