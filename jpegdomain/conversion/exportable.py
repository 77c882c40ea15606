"""A converted model as a function of tensors only, as ``torch.export`` and ONNX need."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from jpegdomain.activation import Activation
from jpegdomain.codec import JpegImage
from jpegdomain.colour import Target
from jpegdomain.data import collate
from jpegdomain.data.collation import check_color
from jpegdomain.decoding import Components, FixedMap
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.functional import encode
from jpegdomain.geometry import BLOCK, Extent

from .entered import dtype_of
from .model import ConvertedModel

__all__ = ["FromCoefficients", "FromQuantised", "exportable"]


class FromCoefficients(nn.Module):
    """A converted model whose input is the coefficients of normalised pixels.

    Args:
        converted: A model from `convert`; shared, not copied.
        extent: Height and width of the images in pixels.
    """

    def __init__(self, converted: ConvertedModel, extent: Extent) -> None:
        super().__init__()
        self.converted = converted
        self.extent = extent
        self.training = converted.training

    def forward(self, coefficients: Tensor) -> Any:
        """Run the network on coefficients (n, c, 8X, 8Y), as `encode` makes them; returns what the source returns."""
        return self.converted(Activation(coefficients, self.extent))

    def example_inputs(self, count: int = 2) -> tuple[Tensor, ...]:
        """Return the arguments of `forward` for a number of images, all zero."""
        like = next(self.converted.parameters(), torch.empty(0))
        channels = self.converted.jpeg_entry.channels or 3
        return (torch.zeros(count, channels, *self.extent.canvas, dtype=like.dtype, device=like.device),)

    @property
    def dynamic_shapes(self) -> dict[str, Any]:
        """A free number of images, for ``torch.export.export`` and ``torch.onnx.export``."""
        return {"coefficients": {0: Dim("images")}}


class FromQuantised(nn.Module):
    """A converted model whose input is what files store: quantised coefficients and tables.

    Dequantisation, chroma upsampling, the converted model's preprocess, colour and normalisation are part of it. It
    takes files of one size, colour model and sampling.

    Args:
        converted: A model from `convert`; shared, not copied.
        image: A file of this size, colour model and sampling.
    """

    def __init__(self, converted: ConvertedModel, image: JpegImage) -> None:
        super().__init__()
        self.converted = converted
        self.training = converted.training
        self.extent = image.extent
        self.color = image.color
        self.upsampling = image.upsampling
        self.extents = tuple(component.extent for component in image.components)
        self.placed = None if converted.preprocess is None else _placed(converted, image)

    def forward(self, quantised: tuple[Tensor, ...], tables: Tensor) -> Any:
        """Run the network.

        Args:
            quantised: For each component (n, X, Y, 64) int16: images, block rows, block columns, and frequencies 8α+β,
                as in `JpegImage.components`.
            tables: (n, components, 64) int32, the quantisation steps in the same order.

        Returns:
            The source's output.

        """
        dtype = dtype_of(self.converted) or torch.float32
        wide = torch.promote_types(dtype, torch.float32)
        if self.placed is not None:
            entry = self.converted.jpeg_entry
            mean, std = (values.to(tables.device).view(-1, 1, 1) for values in (entry.mean, entry.std))
            pixels = (self.placed(quantised, tables, wide) / 255 - mean.to(wide)) / std.to(wide)
            return self.converted(encode(pixels.to(dtype)))
        coefficients = []
        for number, (levels, extent) in enumerate(zip(quantised, self.extents, strict=True)):
            values = levels.to(wide) * tables[:, number, None, None].to(wide)
            tiles = values.unflatten(3, (BLOCK, BLOCK)).permute(0, 1, 3, 2, 4)
            coefficients.append(tiles.reshape(-1, 1, *extent.canvas))
        parts = tuple(coefficients), self.extents, self.upsampling, self.color, self.extent, dtype
        return self.converted(Components(*parts))

    def inputs(self, images: Sequence[JpegImage]) -> tuple[tuple[Tensor, ...], Tensor]:
        """Stack files, as the arguments of `forward` on the CPU.

        Args:
            images: Records from `read_jpeg`.

        Returns:
            Quantised coefficients and tables.

        Raises:
            InputError: If an image was read with fewer frequencies.
            ExtentMismatchError: If an image has another size, colour model or sampling.
        """
        for image in images:
            _check_whole(image)
            if (image.extent, image.color, image.upsampling) != (self.extent, self.color, self.upsampling):
                raise ExtentMismatchError(
                    f"{image.source}: this network takes {self.color} files of {self.extent} pixels with upsampling "
                    f"{self.upsampling}; got {image.color}, {image.extent}, {image.upsampling}"
                )
        columns = list(zip(*(image.components for image in images), strict=True))
        quantised = tuple(torch.from_numpy(np.stack([part.coefficients for part in parts])) for parts in columns)
        tables = np.stack([[part.table.astype(np.int32) for part in image.components] for image in images])
        return quantised, torch.from_numpy(tables)

    def example_inputs(self, count: int = 2) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the arguments of `forward` for a number of images, all zero."""
        device = next((p.device for p in self.converted.parameters()), torch.device("cpu"))
        zeros = (
            torch.zeros(count, *extent.blocks, BLOCK * BLOCK, dtype=torch.int16, device=device)
            for extent in self.extents
        )
        tables = torch.ones(count, len(self.extents), BLOCK * BLOCK, dtype=torch.int32, device=device)
        return tuple(zeros), tables

    @property
    def dynamic_shapes(self) -> dict[str, Any]:
        """A free number of images, for ``torch.export.export`` and ``torch.onnx.export``."""
        images = Dim("images")
        return {"quantised": tuple({0: images} for _ in self.extents), "tables": {0: images}}


def exportable(
    converted: ConvertedModel, images: Extent | Sequence[int] | JpegImage
) -> FromCoefficients | FromQuantised:
    """Make a converted model a function of tensors, for ``torch.export``, ONNX, AOTInductor or CUDA graphs.

    The image size is part of the exported graph. If a file is given, so is the preprocess that `convert` was given; if
    a height and width are given, the input is images after the preprocess.

    ``torch.onnx.export(net, net.example_inputs(), path, dynamo=True, dynamic_shapes=net.dynamic_shapes)`` writes a
    graph of ordinary operations, in either plan: J and J̃ are matrix products in it. Call ``eval()`` first.

    Args:
        converted: A model from `convert`; shared, not copied.
        images: Height and width in pixels, for coefficients of normalised pixels as input; or a file, for quantised
            coefficients and tables of files with its size, colour model and sampling.

    Returns:
        A module of tensors, for any number of images.

    Raises:
        InputError: If `converted` was not made by `convert`, or the file was read with fewer frequencies, or the
            model's preprocess is random, has ``low_frequencies``, turns images upright, or is for a CMYK or YCCK file.
        UnsupportedJpegError: If the file is not grayscale, YCbCr, RGB, CMYK or YCCK.
    """
    if not isinstance(converted, ConvertedModel):
        raise InputError(f"exportable takes a converted model, got {type(converted).__qualname__}")
    if not isinstance(images, JpegImage):
        return FromCoefficients(converted, Extent(*images))
    _check_whole(images)
    check_color(images)
    return FromQuantised(converted, images)


def _placed(converted: ConvertedModel, image: JpegImage) -> FixedMap:
    """The preprocess for files of one kind."""
    preprocess = converted.preprocess
    assert preprocess is not None
    if preprocess.random:
        raise InputError("a random preprocess cannot be exported: convert with the one for inference")
    if converted._jpeg_orient:
        raise InputError("orientation differs from file to file, so it cannot be exported: convert without orient")
    if preprocess.low_frequencies:
        raise InputError(
            "low_frequencies cannot be exported, since the exported graph takes whole blocks: convert without it"
        )
    batch = collate([image], preprocess=preprocess, dtype=torch.float64)
    assert batch.records is not None
    assert batch.records.geometries is not None
    (geometry,) = batch.records.geometries
    if geometry.map.erased or not all(fill.known for fill in preprocess(image.extent).fills):
        raise InputError("erasing and contrast cannot be exported: convert without them")
    if geometry.map.transposed or geometry.map.tables:
        raise InputError("Transpose, Rotate90 and Requantize cannot be exported: convert without them")
    target: Target = "luma" if converted.jpeg_entry.channels == 1 else "rgb"
    return FixedMap(batch, [part.blocks for part in geometry.components], target)


def _check_whole(image: JpegImage) -> None:
    if image.keep < BLOCK:
        raise InputError(
            f"{image.source}: a network needs whole blocks, but this image was read with keep={image.keep}"
        )
