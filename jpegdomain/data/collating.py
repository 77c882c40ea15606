"""`Collate`: a data loader's items become a batch and labels."""

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
"""A batch and its labels, in a tuple or a dict, or a batch alone."""

_PLACE = "item {} of the batch"


@dataclass(frozen=True)
class Collate:
    """Makes (`JpegBatch`, labels) of a data loader's items: a ``collate_fn`` for ``torch.utils.data.DataLoader``.

    Items are (image, label), of a `JpegDataset` or any other data set, map-style or iterable, where an image is a
    record or what `read_jpeg` takes: a path, bytes, or a one-dimensional uint8 array or tensor of them. Further entries
    of the tuples come out behind the labels. Dict items give a dict, {'pixel_values': batch, 'labels': labels, …}, as
    Hugging Face's trainer passes it to models; there an image may be {'bytes': …, 'path': …}, too, as
    ``datasets.Image(decode=False)`` gives it. Items that are images alone give a batch alone.

    The batch holds the records until it leaves the process: a worker sends a copy of the int16 coefficients that the
    batch needs. They become floats where the network runs.

    ``torchvision.tv_tensors`` among them, boxes, keypoints or masks, take the steps that their images take
    (`jpegdomain.preprocess.follow`). With boxes or keypoints they are not stacked, but come in a list.

    In torch's own loader a random preprocess draws from torch's global generator, which each worker seeds for itself:
    the same numbers need the same number of workers. `jpegdomain.loader` draws the same ones with any number.

    With ``on_error="skip"``, here or in the data set, the files that cannot be part of a batch are left out: damaged,
    two components, too small for a crop, or without a preprocess another size than most of their batch.
    `JpegBatch.reports` names them, in this process and from workers, and a `LeftOutWarning` in this process. A batch
    that lost all its files gets the next usable file of a `JpegDataset`, so that no batch of torch's loader is empty
    and all processes have equally many.

    Args:
        preprocess: As for `collate`; with one, images of any sizes and samplings make a batch. If None, it is that of
            the data set, where the items come from a `JpegDataset`.
        dtype: The floating-point type that the images enter the network in.
        orient: Turn images upright first, by their EXIF orientation.
        image: The key of dict items' images.
        label: The key of dict items' labels, which come out as 'labels'.
        on_error: With items whose files cannot be read: as for `JpegDataset`.
        as_dict: Give a dict of (image, label), too, as Hugging Face's trainer wants it.

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
            # Whatever is wrong with it is said here rather than in a worker.
            object.__setattr__(self, "preprocess", simplified(self.preprocess))

    def __call__(self, items: Sequence[Any], generator: torch.Generator | None = None) -> Loaded:
        """Make a batch.

        Args:
            items: One or more; none if a `JpegDataset` left all of them out.
            generator: Of a random preprocess; torch's global one if None.

        Returns:
            The images, and their labels by ``torch.utils.data.default_collate``: numbers as a tensor.

        Raises:
            InputError: If there are no items, or they hold no image.
            JpegFileError: If all were left out, and the data set has no usable file.
        """
        if not items and not isinstance(items, Items):
            raise InputError("a batch is made of one item or more, got none")
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
        """Make a batch of the usable items: None if there are none; and the reports on the files."""
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
        """Read what is no record yet: records with their rests, their positions, and the reports on all."""
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
        """What is handed out of a batch, made with this preprocess: itself."""
        return batch

    @property
    def _other_formats(self) -> bool:
        return False

    def reported(self, loaded: Loaded, reports: Sequence[FileReport]) -> Loaded:
        """Note the reports down on the batch; from a worker, have them said where the batch arrives."""
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
    return FileReport(position, image.source, "stands in for a batch whose files were all left out", False)
