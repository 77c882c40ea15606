"""Files become normalised pixels, for any network that takes pixels: `read_pixels` and `PixelCollate`."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from jpegdomain.codec import MAX_PIXELS, MAX_SCANS, JpegImage
from jpegdomain.codec.images import Images
from jpegdomain.codec.many import cut, ends_of
from jpegdomain.codec.sources import Source
from jpegdomain.data import Collate, JpegBatch
from jpegdomain.data.reading import Limits, Read, read_as_needed
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.preprocess import simplified

from .affine import to_pixels
from .entry import Values
from .kernel import TO_BYTES
from .mixed import MixedBatch, collate_mixed, mixed_pixels
from .normalisation import scale_and_shift

__all__ = ["PixelCollate", "read_pixels"]

_PIECE: Final = 64
"""Files whose coefficients are in memory at a time,"""
_PIECE_BYTES: Final = 1 << 23
"""or, where all are given as bytes, how many of these."""


@dataclass(frozen=True)
class PixelCollate(Collate):
    """Makes (pixels, labels) of a data loader's items: a ``collate_fn`` for any network that takes pixels.

    Pixels are (n, 3, h, w), (levels/255 − mean)/std, as `read_pixels` makes them, where the loader runs it: in its
    workers, too. Everything else is as for `Collate`, whose items it takes: records or sources in tuples or dicts.

    >>> collate = jpegdomain.PixelCollate(weights.transforms())
    >>> loader = torch.utils.data.DataLoader(jpegdomain.JpegFolder("train"), 64, collate_fn=collate, num_workers=2)
    >>> pixels, labels = next(iter(loader))

    Args:
        preprocess: As for `Collate`.
        dtype: A floating-point type, or uint8, as for `read_pixels`.
        orient: As for `Collate`, here and below.
        image: The key of dict items' images; pixels come out as 'pixel_values'.
        label: The key of dict items' labels, which come out as 'labels'.
        on_error: With items whose files cannot be read. Files that are left out are named by a `LeftOutWarning`.
        as_dict: As for `Collate`.
        mean: As for `read_pixels`.
        std: As for `read_pixels`.
        memory_format: As for `read_pixels`.
        other_formats: As for `read_pixels`; of a `JpegDataset`, its own counts.

    Raises:
        InputError: If the preprocess cannot be read, or an argument is invalid.
    """

    mean: Values | None = None
    std: Values | None = None
    memory_format: torch.memory_format = torch.contiguous_format
    other_formats: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_format(self.memory_format)
        # Whatever is wrong with them is said here rather than in a worker.
        scale_and_shift(self.preprocess, self.mean, self.std, self.dtype)

    @property
    def _other_formats(self) -> bool:
        return self.other_formats

    def made(
        self, images: Sequence[Any], *, preprocess: object, generator: torch.Generator | None
    ) -> JpegBatch | MixedBatch:
        """Make a batch of records, and of images of other formats."""
        return collate_mixed(
            images, preprocess=preprocess, orient=self.orient, generator=generator, dtype=_of_batch(self.dtype)
        )

    def finished(self, batch: JpegBatch | MixedBatch, preprocess: object) -> Tensor:
        """The pixels of a batch."""
        values = scale_and_shift(preprocess, self.mean, self.std, self.dtype)
        return _pixels(batch, values, self.dtype, self.memory_format)


def read_pixels(
    sources: Iterable[Source | JpegImage],
    *,
    preprocess: object = None,
    mean: Values | None = None,
    std: Values | None = None,
    dtype: torch.dtype = torch.float32,
    memory_format: torch.memory_format = torch.contiguous_format,
    orient: bool = False,
    on_error: Literal["raise", "keep"] = "raise",
    generator: torch.Generator | None = None,
    threads: int = 1,
    max_pixels: int | None = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    strict: bool = False,
    other_formats: bool = False,
) -> Tensor:
    """Read files as one tensor of normalised pixels, (levels/255 − mean)/std, for a network that takes pixels.

    It is what the network's copy that `convert` makes sees of the same files. Decoding, chroma upsampling, resizing,
    cropping, colours and normalisation are one affine map of the coefficients, applied once and without rounding in
    between: equal to ``torchvision.transforms.v2`` on `decode_rgb` to floating-point error.

    >>> pixels = jpegdomain.read_pixels(paths, preprocess=weights.transforms())
    >>> logits = model(pixels)

    Args:
        sources: What `read_jpeg` takes, or records: one or more.
        preprocess: As for `collate`. Without one the images have one size.
        mean: On the scale 0…1, one number or three. It is the preprocess's own where that normalises, as a preset of
            torchvision does. Otherwise ImageNet's if None, as for `convert`; of a pipeline of another library that does
            nothing to the values, 0 and a `std` of 1/255: levels.
        std: As `mean`.
        dtype: A floating-point type; or uint8: levels 0…255, rounded and clamped, without mean and std.
        memory_format: ``torch.contiguous_format`` or ``torch.channels_last``.
        orient: Turn images upright first, by their EXIF orientation.
        on_error: As for `read_jpeg`: ``raise``, or ``keep`` what is left of damaged files.
        generator: Of a random preprocess; torch's global one if None.
        threads: As for `read_jpegs`. Pixels are rendered by torch's own number of threads.
        max_pixels: As for `read_jpeg`.
        max_scans: As for `read_jpeg`.
        strict: As for `read_jpeg`.
        other_formats: Whether files that are no JPEG files, PNG and WebP, are decoded by torchvision instead of
            refused: the same preprocess, of their levels, without transparency.

    Returns:
        (n, 3, h, w), in the sources' order; three equal channels of grayscale files.

    Raises:
        InputError: If there are no sources, an argument is invalid, or mean and std are given twice.
        JpegFileError: Of the first source that cannot be read.
        OSError: Of the first path that cannot be opened, if it comes before.
        ExtentMismatchError: If the images have different sizes after the preprocess.
    """
    if isinstance(sources, str | bytes | os.PathLike | JpegImage | JpegBatch):
        raise InputError(f"read_pixels takes a list of files, got one {type(sources).__name__}: put it into a list")
    given = list(sources)
    if not given:
        raise InputError("read_pixels needs at least one file, got none")
    _check_format(memory_format)
    preprocess = None if preprocess is None else simplified(preprocess)
    values = scale_and_shift(preprocess, mean, std, dtype)
    limits = Limits(on_error, max_pixels, max_scans, strict)
    result: Tensor | None = None
    for some in _pieces(given):
        records = read_as_needed(
            given[some.start : some.stop],
            preprocess,
            limits,
            place="sources[{}]",
            numbers=some,
            threads=threads,
            other_formats=other_formats,
        )
        images = _sound(records)
        batch = collate_mixed(images, preprocess=preprocess, orient=orient, generator=generator, dtype=_of_batch(dtype))
        pixels = _pixels(batch, values, dtype, memory_format)
        if len(given) == pixels.shape[0]:
            return pixels
        if result is None:
            result = torch.empty((len(given), *pixels.shape[1:]), dtype=dtype).to(memory_format=memory_format)
        if result.shape[1:] != pixels.shape[1:]:
            raise ExtentMismatchError(
                f"{images[0].source}: {batch.extent}, and those before are {result.shape[2]}×{result.shape[3]}: images "
                "of one batch have one size; give a preprocess"
            )
        result[some.start : some.stop] = pixels
    assert result is not None
    return result


def _pieces(sources: Sequence[Any]) -> list[range]:
    """Divide sources into those whose coefficients are in memory at a time."""
    if len(sources) > _PIECE and {*map(type, sources)} == {bytes}:
        return cut(ends_of(sources), _PIECE_BYTES)
    return [range(at, min(at + _PIECE, len(sources))) for at in range(0, len(sources), _PIECE)]


def _sound(records: Sequence[Read]) -> Sequence[Any]:
    """Raise the first error among records."""
    if isinstance(records, Images):
        error = records.error
    else:
        error = next((record for record in records if isinstance(record, Exception)), None)
    if error is not None:
        raise error
    return records


def _check_format(memory_format: object) -> None:
    if memory_format not in (torch.contiguous_format, torch.channels_last):
        raise InputError(f"memory_format is torch.contiguous_format or torch.channels_last, got {memory_format!r}")


def _of_batch(dtype: torch.dtype) -> torch.dtype:
    """The type in which a batch is decoded."""
    return torch.float32 if dtype == torch.uint8 else dtype


def _pixels(
    batch: JpegBatch | MixedBatch, values: tuple[Tensor, Tensor], dtype: torch.dtype, memory_format: torch.memory_format
) -> Tensor:
    with torch.no_grad():
        last = memory_format == torch.channels_last
        if isinstance(batch, MixedBatch):
            pixels = mixed_pixels(batch, *values, _of_batch(dtype), channels_last=last)
        else:
            pixels = to_pixels(batch, "rgb", *values, channels_last=last)
        return _bytes(pixels) if dtype == torch.uint8 else pixels


def _bytes(pixels: Tensor) -> Tensor:
    """Clamped, without what is behind the point, in the same memory order; torch takes twice as long."""
    last = not pixels.is_contiguous()
    flat = (pixels.permute(0, 2, 3, 1) if last else pixels).contiguous()
    result = torch.empty(flat.shape, dtype=torch.uint8)
    TO_BYTES(flat.numpy().reshape(-1), result.numpy().reshape(-1))
    return result.permute(0, 3, 1, 2) if last else result
