"""From files to normalised pixels, for any network that takes pixels: `read_pixels` and `PixelCollate`."""

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
    """Makes (pixels, labels) from a data loader's items: a ``collate_fn`` for any network that takes pixels.

    Pixels are (n, 3, h, w), (levels/255 − mean)/std, as `read_pixels` makes them. They are made where the loader calls
    this, which may be in a worker. Everything else is as for `Collate`, which takes the same items: records or sources
    in tuples or dicts.

    >>> collate = jpegdomain.PixelCollate(weights.transforms())
    >>> loader = torch.utils.data.DataLoader(jpegdomain.JpegFolder("train"), 64, collate_fn=collate, num_workers=2)
    >>> pixels, labels = next(iter(loader))

    Args:
        preprocess: As for `Collate`.
        dtype: A floating-point type, or uint8, as for `read_pixels`.
        orient: As for `Collate`.
        image: The key of the image in dict items; pixels are returned as 'pixel_values'.
        label: The key of the label in dict items; labels are returned as 'labels'.
        on_error: As for `Collate`; a `LeftOutWarning` names files that are left out.
        as_dict: As for `Collate`.
        mean: As for `read_pixels`.
        std: As for `read_pixels`.
        memory_format: As for `read_pixels`.
        other_formats: As for `read_pixels`; for a `JpegDataset`, its own setting counts.

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
        # Raise errors about them here rather than in a worker.
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

    They are the pixels that a network converted by `convert` computes from the same files. Decoding, chroma upsampling,
    resizing, cropping, colours and normalisation are one affine map of the coefficients, applied once and without
    rounding in between: equal to ``torchvision.transforms.v2`` on `decode_rgb`, to floating-point error.

    >>> pixels = jpegdomain.read_pixels(paths, preprocess=weights.transforms())
    >>> logits = model(pixels)

    Args:
        sources: One or more of what `read_jpeg` takes, or records.
        preprocess: As for `collate`. Without one the images must have one size.
        mean: One number or three, on the scale 0…1. If the preprocess normalises, as torchvision's presets do, its mean
            is used, and this must be None. Otherwise None means ImageNet's, as for `convert`; for another library's
            pipeline that does not change values, it means 0, and 1/255 for `std`, which gives levels.
        std: As `mean`.
        dtype: A floating-point type; or uint8 for levels 0…255, rounded and clamped, without mean and std.
        memory_format: ``torch.contiguous_format`` or ``torch.channels_last``.
        orient: Turn images upright first, by their EXIF orientation.
        on_error: As for `read_jpeg`: 'raise', or 'keep' what is left of damaged files.
        generator: The generator for a random preprocess; torch's global one if None.
        threads: How many threads read files, as for `read_jpegs`. Torch's own number of threads renders pixels.
        max_pixels: As for `read_jpeg`.
        max_scans: As for `read_jpeg`.
        strict: As for `read_jpeg`.
        other_formats: Whether torchvision decodes PNG and WebP files, without transparency, for the same preprocess;
            otherwise they raise an error.

    Returns:
        (n, 3, h, w), in the sources' order; grayscale files have three equal channels.

    Raises:
        InputError: If there are no sources, an argument is invalid, or mean and std are given twice.
        JpegFileError: If a source cannot be read (the first one's error).
        OSError: If a path cannot be opened, and no earlier source has failed.
        ExtentMismatchError: If the images have different sizes after the preprocess.
    """
    if isinstance(sources, str | bytes | os.PathLike | JpegImage | JpegBatch):
        raise InputError(f"read_pixels takes a list of files, got a single {type(sources).__name__}: put it in a list")
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
                f"{images[0].source}: {batch.extent}, but earlier images are {result.shape[2]}×{result.shape[3]}: "
                "images in a batch must have one size; give a preprocess"
            )
        result[some.start : some.stop] = pixels
    assert result is not None
    return result


def _pieces(sources: Sequence[Any]) -> list[range]:
    """Divide sources into pieces whose coefficients are in memory at the same time."""
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
        raise InputError(f"memory_format must be torch.contiguous_format or torch.channels_last, got {memory_format!r}")


def _of_batch(dtype: torch.dtype) -> torch.dtype:
    """The dtype that a batch is decoded in."""
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
    """Clamped and rounded down, in the same memory order; torch takes twice as long."""
    last = not pixels.is_contiguous()
    flat = (pixels.permute(0, 2, 3, 1) if last else pixels).contiguous()
    result = torch.empty(flat.shape, dtype=torch.uint8)
    TO_BYTES(flat.numpy().reshape(-1), result.numpy().reshape(-1))
    return result.permute(0, 3, 1, 2) if last else result
