"""Run both models on the same images and report how far apart they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from jpegdomain.activation import Activation
from jpegdomain.data import JpegBatch
from jpegdomain.errors import InputError
from jpegdomain.tolerances import TOLERANCE

from .model import ConvertedModel

__all__ = ["Report", "verify"]


@dataclass(frozen=True)
class Report:
    """How two models differ on a batch; ``print`` it.

    Args:
        images: Number of images that were compared.
        deviation: Largest |difference| of two outputs.
        magnitude: Largest |output| of the spatial model.
        relative: Largest |difference| of two outputs, divided by the largest |output| in the same tensor.
        worst: Position of the image with the largest deviation.
        agreement: Share of images whose largest output has the same index, in the first output tensor.
        dtype: The dtype that both ran in.
    """

    images: int
    deviation: float
    magnitude: float
    relative: float
    worst: int
    agreement: float
    dtype: torch.dtype

    def passes(self, tolerance: float | None = None) -> bool:
        """Return whether the relative deviation is within a tolerance; by default 1e-9 in float64, 1e-4 in float32."""
        return self.relative <= (TOLERANCE[self.dtype] if tolerance is None else tolerance)

    def __str__(self) -> str:
        return (
            f"{self.images} image{'s' * (self.images != 1)} in {str(self.dtype).removeprefix('torch.')}: "
            f"largest deviation {self.deviation:.3g} of outputs up to {self.magnitude:.3g} "
            f"(relative {self.relative:.3g}, image {self.worst}), same top-1 on {self.agreement:.2%}"
        )


def verify(
    model: nn.Module, converted: ConvertedModel, batch: JpegBatch | Activation, *args: Any, **kwargs: Any
) -> Report:
    """Compare a converted model with its spatial original on the same images.

    The spatial model's input is the float decoding, normalised with the entry's mean and std; for a model converted
    with `channels`, it is decoded from the kept channels. This report does not check that decoding against a decoder.
    Both models run in eval mode without gradients, and are set back to their modes afterwards.

    Args:
        model: The spatial model.
        converted: A model from `convert`.
        batch: Files, or an activation of normalised pixels, in the models' dtype and on their device.
        *args: Further arguments of the models.
        **kwargs: The same by name.

    Returns:
        The report on all tensors and numbers that the models return, also in nested containers.

    Raises:
        InputError: If `converted` was not made by `convert`, or the outputs differ in number or shape.

    """
    if not isinstance(converted, ConvertedModel):
        raise InputError(f"verify needs a converted model, got {type(converted).__qualname__}")
    if not len(batch):
        raise InputError("verify needs at least one image")
    modes = [(module, module.training) for module in (*model.modules(), *converted.modules())]
    try:
        for module, _ in modes:
            module.training = False
        with torch.no_grad():
            pixels = converted.jpeg_entry.normalised_pixels(batch)
            expected = list(_tensors(model(pixels, *args, **kwargs)))
            got = list(_tensors(converted(batch, *args, **kwargs)))
    finally:
        for module, mode in modes:
            module.training = mode
    if not expected or [tensor.shape for tensor in expected] != [tensor.shape for tensor in got]:
        raise InputError("the two models' outputs differ in number or shape: is one the conversion of the other?")
    images = len(batch)
    apart = torch.stack([_per_image(a, b, images) for a, b in zip(expected, got, strict=True)])
    per_image, per_output = apart.amax(0), apart.amax(1)
    magnitudes = torch.stack([tensor.double().abs().amax().cpu() for tensor in expected])
    # 0/0 is agreement, anything else divided by 0 is not, and NaN stays NaN.
    relative = torch.where((per_output == 0) & (magnitudes == 0), 0.0, per_output / magnitudes)
    same = [a.flatten(1).argmax(1) == b.flatten(1).argmax(1) for a, b in _ranked(expected, got, images)]
    kinds = [tensor.dtype for tensor in expected if tensor.is_floating_point()]
    return Report(
        images=images,
        deviation=per_image.max().item(),
        magnitude=magnitudes.max().item(),
        relative=relative.max().item(),
        worst=int(per_image.argmax()),
        agreement=same[0].double().mean().item() if same else float(not per_output.any()),
        dtype=kinds[0] if kinds else batch.dtype,
    )


def _per_image(one: Tensor, other: Tensor, images: int) -> Tensor:
    """(images,) largest deviations; outputs without a first axis of images count for all of them."""
    apart = (one.double() - other.double()).abs()
    if apart.dim() and len(apart) == images:
        return apart.flatten(1).amax(1).cpu() if apart.dim() > 1 else apart.cpu()
    return apart.amax().cpu().expand(images)


def _ranked(expected: list[Tensor], got: list[Tensor], images: int) -> list[tuple[Tensor, Tensor]]:
    """Pairs of outputs that have a largest entry for each image."""
    pairs = zip(expected, got, strict=True)
    return [(a, b) for a, b in pairs if a.dim() > 1 and len(a) == images and a.is_floating_point()]


def _tensors(output: Any) -> Iterator[Tensor]:
    """All tensors that are not empty, and all numbers."""
    if isinstance(output, bool | int | float):
        output = torch.as_tensor(output)
    if isinstance(output, Tensor):
        if output.numel():
            yield output
    elif isinstance(output, Mapping | tuple | list):
        for value in output.values() if isinstance(output, Mapping) else output:
            yield from _tensors(value)
    elif is_dataclass(output):
        yield from _tensors([getattr(output, field.name) for field in fields(output)])
