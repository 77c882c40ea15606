"""What each layer costs on coefficients and on pixels: one table, used to choose domains and to print the plan."""

import math
from collections.abc import Callable
from typing import TypeAlias

from jpegdomain.functional import Frequencies, Method
from jpegdomain.geometry import Extent
from jpegdomain.planning import Cost, convolution_cost, spatial_convolution_cost, transform_cost

from .base import Layer, Masking
from .convolution import Conv2d
from .exact import Call, Island, Linear, Pointwise
from .normalization import BatchNormAct2d
from .pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d

__all__ = ["cost", "elements", "pixel_cost"]

Shape: TypeAlias = tuple[int, ...]
"""(n, c, h, w) of a layer's input in pixels."""

Price: TypeAlias = tuple[str, Cost]
"""The form as the plan prints it, and its cost."""


def elements(shape: Shape) -> int:
    """Count the coefficients of a feature map in whole blocks: n·c·8⌈h/8⌉·8⌈w/8⌉."""
    height, width = Extent(*shape[2:]).canvas
    return shape[0] * shape[1] * height * width


def cost(layer: Layer, shape: Shape, itemsize: int) -> Price:
    """Return the cost of a layer on coefficients.

    Args:
        layer: Any layer; if its class is not in the table, its base class counts.
        shape: (n, c, h, w) of the input in pixels.
        itemsize: Bytes of a number.

    Returns:
        The form as the plan prints it ('direct' if no transform is needed) and the cost of one batch.
    """
    return _find(_ON_COEFFICIENTS, layer)(layer, shape, itemsize)


def pixel_cost(layer: Layer, shape: Shape, itemsize: int) -> Price:
    """Return the cost of a layer on pixels; see `cost`."""
    return _find(_ON_PIXELS, layer)(layer, shape, itemsize)


def _find(table: dict[type[Layer], Callable[..., Price]], layer: Layer) -> Callable[..., Price]:
    return next(table[base] for base in type(layer).__mro__ if base in table)


def _pass(count: int, itemsize: int) -> Cost:
    """All numbers read once and written once."""
    return Cost(moved=2 * itemsize * count, calls=1)


def _product(layer: Linear, count: int, itemsize: int) -> Cost:
    weights = itemsize * layer.weight.numel()
    moved = itemsize * (count + count // layer.in_features * layer.out_features) + weights
    return Cost(flops=2 * count * layer.out_features, weights=weights, moved=moved, calls=1)


def _convolution(layer: Conv2d, shape: Shape, _itemsize: int) -> Price:
    # The kernel's own itemsize is what counts.
    extent = Extent(*shape[2:])
    form = layer.chosen_form(shape[0], extent)
    price = convolution_cost(layer.sizes(shape[0], extent), form)
    return ("direct" if form == "factored" and layer.window.pointwise else form), price


def _masking_form(layer: Masking) -> str:
    return "exact" if layer.frequencies == 15 else f"{layer.method} {layer.frequencies}"


def _masking(frequencies: Frequencies, method: Method, count: int, itemsize: int) -> Cost:
    """One J̃ and one J; two J̃ if the mask needs a reconstruction of its own."""
    transforms = 3 if method == "asm" and frequencies < 15 else 2
    masks = Cost(flops=2 * count, moved=2 * itemsize * count, calls=2)
    return sum([transform_cost(count, itemsize)] * transforms, masks)


def _masking_on_pixels(layer: Masking, shape: Shape, itemsize: int) -> Price:
    one = Cost(flops=math.prod(shape), moved=2 * itemsize * math.prod(shape), calls=1)
    if layer.exact:
        return "spatial", one
    low_pass = transform_cost(elements(shape), itemsize)
    return f"spatial, {_masking_form(layer)}", one + low_pass + low_pass


def _transformed(transforms: int, shape: Shape, itemsize: int) -> Cost:
    """A pass, and J or J̃ that many times."""
    count = elements(shape)
    return sum([transform_cost(count, itemsize)] * transforms, _pass(count, itemsize))


def _batch_norm_act(layer: BatchNormAct2d, shape: Shape, itemsize: int) -> Price:
    one = _pass(elements(shape), itemsize)
    if not isinstance(layer.act, Layer):
        return "direct", one
    form, then = cost(layer.act, shape, itemsize)
    return form, one + then


_ON_COEFFICIENTS: dict[type[Layer], Callable[..., Price]] = {
    Layer: lambda _, shape, size: ("direct", _pass(elements(shape), size)),
    Linear: lambda layer, shape, size: ("direct", _product(layer, elements(shape), size)),
    Conv2d: _convolution,
    # If the output is smaller, its J is counted as if it had the input's size.
    Masking: lambda x, shape, size: (_masking_form(x), _masking(x.frequencies, x.method, elements(shape), size)),
    Pointwise: lambda _, shape, size: ("island", _masking(15, "asm", elements(shape), size)),
    Island: lambda _, shape, size: ("island", _transformed(2, shape, size)),
    Call: lambda x, shape, size: ("island" if x.transforms else "direct", _transformed(x.transforms, shape, size)),
    AvgPool2d: lambda _, shape, size: ("factored", transform_cost(elements(shape), size)),
    AdaptiveAvgPool2d: lambda _, shape, size: ("factored", transform_cost(elements(shape), size)),
    GlobalAvgPool2d: lambda _, shape, size: ("DC", Cost(moved=size * elements(shape) // 64, calls=1)),
    BatchNormAct2d: _batch_norm_act,
}

_ON_PIXELS: dict[type[Layer], Callable[..., Price]] = {
    Layer: lambda _, shape, size: ("spatial", _pass(math.prod(shape), size)),
    Linear: lambda layer, shape, size: ("spatial", _product(layer, math.prod(shape), size)),
    Conv2d: lambda x, shape, _: ("spatial", spatial_convolution_cost(x.sizes(shape[0], Extent(*shape[2:])))),
    Masking: _masking_on_pixels,
}
