"""The law that every layer obeys, as one assertion, and its tolerances."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .activation import Activation
from .functional import decode, encode
from .geometry import Extent
from .tolerances import TOLERANCE

__all__ = ["TOLERANCE", "assert_commutes"]


def assert_commutes(
    jpeg_layer: Callable[[Activation], Activation | Tensor],
    torch_layer: Callable[[Tensor], Tensor],
    extent: Extent | Sequence[int],
    *,
    channels: int = 3,
    batch: int = 2,
    dtype: torch.dtype = torch.float64,
    tolerance: float | None = None,
    seed: int = 0,
) -> None:
    """Assert that a JPEG layer and a torch layer agree: J̃∘(JPEG layer) = (torch layer)∘J̃.

    The input is random pixels. The result's pixels must be those of the torch layer, and its coefficients J of these
    pixels: zero outside the extent.

    Args:
        jpeg_layer: Maps an activation to an activation, or to pixels if the layer leaves the transform domain.
        torch_layer: Maps pixels (n, c, h, w) to the expected pixels.
        extent: Height and width of the input.
        channels: Number of input channels.
        batch: Number of images.
        dtype: The dtype to compute in.
        tolerance: Relative to the largest expected value; `TOLERANCE` of the dtype if None.
        seed: Seed of the random pixels.

    Raises:
        AssertionError: If the layers disagree; the message says where the difference is largest.
    """
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(batch, channels, *extent, generator=generator, dtype=torch.float64).to(dtype)
    expected = torch_layer(pixels)
    result = jpeg_layer(encode(pixels))
    if not torch.isfinite(expected).all():
        raise AssertionError("the torch layer's own result is not finite: there is nothing to compare with")
    # If a layer's result is zero, rounding errors of the input's size remain.
    size = expected.abs().max().item() or pixels.abs().max().item()
    limit = (TOLERANCE[dtype] if tolerance is None else tolerance) * size
    if isinstance(result, Activation):
        again = encode(decode(result), axes=result.axes)
        outside = (again.coefficients - result.coefficients).abs().max().item()
        if outside > limit:
            raise AssertionError(f"pixels outside the extent {result.extent} are not zero: {outside:.3g}")
        result = decode(result)
    if result.shape != expected.shape:
        raise AssertionError(f"shapes differ: {tuple(result.shape)}, expected {tuple(expected.shape)}")
    difference = (result - expected).abs()
    if not difference.max().item() <= limit:
        place = tuple(int(i) for i in torch.unravel_index(difference.argmax(), difference.shape))
        raise AssertionError(
            f"the layers disagree: |difference| {difference.max().item():.3g} > {limit:.3g} at {place}, "
            f"extent {Extent(*extent)}"
        )
