"""Activation functions as modules: every piecewise-linear one of ``torch.nn`` by ASM or APX, the others exactly."""

import math
from collections.abc import Callable
from typing import Any, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.functional import Frequencies, Maps, Method, PiecewiseLinear
from jpegdomain.geometry import Extent
from jpegdomain.planning import Cost, transform_cost
from jpegdomain.rearranged import Rearranged

from .base import Layer, elements

__all__ = [
    "Hardshrink",
    "Hardsigmoid",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "Piecewise",
    "PixelFunction",
    "Pointwise",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


def check_masking(name: str, value: Any) -> None:
    """Refuse settings that no approximation has.

    Args:
        name: An attribute, 'frequencies' and 'method' are checked.
        value: What it is to be.

    Raises:
        ValueError: If frequencies is neither an integer of 1…15 nor a tensor without axes, or method not 'asm' or
            'apx'.
    """
    if name == "frequencies" and isinstance(value, Tensor) and value.dim() == 0:
        return
    if name == "frequencies" and (type(value) is not int or not 1 <= value <= 15):
        raise ValueError(f"frequencies is an integer of 1…15, got {value!r}")
    if name == "method" and value not in ("asm", "apx"):
        raise ValueError(f"the ReLU method is 'asm' or 'apx', got {value!r}")


def masking_form(frequencies: Frequencies, method: Method) -> str:
    """Name the form for the plan.

    Args:
        frequencies: 1…15.
        method: 'asm' or 'apx'.

    Returns:
        'exact' at 15 frequencies, else the method and the number.
    """
    return "exact" if frequencies == 15 else f"{method} {frequencies}"


def masking_cost(count: int, frequencies: Frequencies, method: Method, itemsize: int) -> Cost:
    """Price ASM or APX.

    Args:
        count: Coefficients.
        frequencies: 1…15.
        method: 'asm' or 'apx'.
        itemsize: Bytes of a number.

    Returns:
        The cost of one J̃ and one J, of two J̃ where the mask has a reconstruction of its own.
    """
    transforms = 3 if method == "asm" and frequencies < 15 else 2
    one = transform_cost(count, itemsize)
    masks = Cost(flops=2 * count, moved=2 * itemsize * count, calls=2)
    return sum([one] * transforms, masks)


def masking_pixel_cost(
    shape: tuple[int, ...], frequencies: Frequencies, method: Method, itemsize: int
) -> tuple[str, Cost]:
    """Price ASM or APX on pixels.

    Args:
        shape: (n, c, h, w) of the input.
        frequencies: 1…15.
        method: 'asm' or 'apx'.
        itemsize: Bytes of a number.

    Returns:
        The form as the plan prints it; the cost of one pass, and below 15 frequencies of J and J̃ before it.
    """
    one = Cost(flops=math.prod(shape), moved=2 * itemsize * math.prod(shape), calls=1)
    if not isinstance(frequencies, Tensor) and frequencies == 15:
        return "spatial", one
    low_pass = transform_cost(elements(shape), itemsize)
    return f"spatial, {masking_form(frequencies, method)}", one + low_pass + low_pass


class Piecewise(Layer):
    """A piecewise-linear activation: `pieces` names the function, this class runs it.

    Args:
        *args: As for the torch module.
        frequencies: 1…15, the spatial frequencies that choose the pieces; 15 is exact. Where several networks run under
            one ``torch.func.vmap``, a tensor without axes: each network's own number.
        method: 'asm', masks from the truncated reconstruction, or 'apx', the function of it.
        **kwargs: As for the torch module.
    """

    on_pixels = True
    frequencies: Frequencies
    method: Method

    def __init__(self, *args: Any, frequencies: int = 15, method: Method = "asm", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.frequencies = frequencies
        self.method = method

    def __setattr__(self, name: str, value: Any) -> None:
        check_masking(name, value)
        super().__setattr__(name, value)

    def _prepare(self) -> None:
        self.frequencies = 15
        self.method = "asm"

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:
        """Name the function.

        Args:
            x: The activation, or the pixels, that it is about to meet.

        Returns:
            The pieces.
        """
        raise NotImplementedError

    def forward(self, input: Any, inplace: bool = False) -> Any:
        """Apply the function.

        Args:
            input: An activation, or pixels.
            inplace: Whether it may be written over; without effect while gradients are recorded.

        Returns:
            Its like, of the same extent.
        """
        if isinstance(input, Tensor):
            if not isinstance(self.frequencies, Tensor) and self.frequencies == 15:
                # In place where the source is; and where the caller says so and nobody wants the gradient.
                wanted = getattr(self, "inplace", False) or (inplace and not torch.is_grad_enabled())
                return self._exactly(input, wanted)
            return self._masked(input, self.pieces(input))
        if isinstance(input, Rearranged):
            return functional.elementwise(input, self.forward)
        x = self._activation(input)
        apply = functional.asm if self.method == "asm" else functional.apx
        return apply(x, self.pieces(x), self.frequencies, inplace)

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:  # noqa: ARG002
        """The function itself, on pixels."""
        return self.pieces(pixels).function(pixels)

    def _masked(self, pixels: Tensor, pieces: PiecewiseLinear) -> Tensor:
        """ASM or APX between pixels."""
        return functional.between(
            pixels,
            Extent(*pixels.shape[2:]),
            pieces,
            self.frequencies,
            self.method,
            from_pixels=True,
            to_pixels=True,
        )

    def pixel_cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch on pixels.

        Args:
            shape: (n, c, h, w) of the input.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return masking_pixel_cost(shape, self.frequencies, self.method, itemsize)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return masking_form(self.frequencies, self.method), masking_cost(
            elements(shape), self.frequencies, self.method, itemsize
        )

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            torch's description, the frequencies and the method.
        """
        own = f"frequencies={self.frequencies}, method={self.method!r}"
        return ", ".join(filter(None, [super().extra_repr(), own]))


class ReLU(Piecewise, nn.ReLU):
    """``torch.nn.ReLU``: 0 up to 0, x above."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.relu(pixels, inplace)

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)


class Hardtanh(Piecewise, nn.Hardtanh):
    """``torch.nn.Hardtanh``: x between min_val and max_val, the nearer of them outside."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.hardtanh(pixels, self.min_val, self.max_val, inplace)

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        low, high = self.min_val, self.max_val
        return PiecewiseLinear(
            (low, high),
            (0.0, 1.0, 0.0),
            (low, 0.0, high),
            (False, True),
            lambda pixels: F.hardtanh(pixels, low, high),
        )


class ReLU6(Hardtanh, nn.ReLU6):
    """``torch.nn.ReLU6``: `Hardtanh` between 0 and 6."""


class LeakyReLU(Piecewise, nn.LeakyReLU):
    """``torch.nn.LeakyReLU``: negative_slope·x up to 0, x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        slope = self.negative_slope
        return PiecewiseLinear((0.0,), (slope, 1.0), (0.0, 0.0), (False,), lambda pixels: F.leaky_relu(pixels, slope))


class PReLU(Piecewise, nn.PReLU):
    """``torch.nn.PReLU``: a learned slope, one or one per channel, up to 0; x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return PiecewiseLinear(
            (0.0,),
            (self.weight.view(-1, 1, 1), 1.0),
            (0.0, 0.0),
            (False,),
            lambda pixels: F.prelu(pixels, self.weight),
        )


class RReLU(Piecewise, nn.RReLU):
    """``torch.nn.RReLU``: up to 0 a slope drawn per pixel in training, the mean slope in eval; x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        def draw(pixels: Tensor) -> Tensor:
            return torch.empty_like(pixels).uniform_(self.lower, self.upper)

        return PiecewiseLinear(
            (0.0,),
            (draw if self.training else (self.lower + self.upper) / 2, 1.0),
            (0.0, 0.0),
            (False,),
            lambda pixels: F.rrelu(pixels, self.lower, self.upper, self.training),
        )


class Threshold(Piecewise, nn.Threshold):
    """``torch.nn.Threshold``: value up to the threshold, x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        edge, value = float(self.threshold), float(self.value)
        return PiecewiseLinear(
            (edge,), (0.0, 1.0), (value, 0.0), (False,), lambda pixels: F.threshold(pixels, edge, value)
        )


class Hardshrink(Piecewise, nn.Hardshrink):
    """``torch.nn.Hardshrink``: 0 between −λ and λ, x outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        edge = self.lambd
        return PiecewiseLinear(
            (-edge, edge),
            (1.0, 0.0, 1.0),
            (0.0, 0.0, 0.0),
            (True, False),
            lambda pixels: F.hardshrink(pixels, edge),
        )


class Softshrink(Piecewise, nn.Softshrink):
    """``torch.nn.Softshrink``: 0 between −λ and λ, x moved towards 0 by λ outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        edge = self.lambd
        return PiecewiseLinear(
            (-edge, edge),
            (1.0, 0.0, 1.0),
            (edge, 0.0, -edge),
            (True, False),
            lambda pixels: F.softshrink(pixels, edge),
        )


class Hardsigmoid(Piecewise, nn.Hardsigmoid):
    """``torch.nn.Hardsigmoid``: x/6 + ½ between −3 and 3, 0 and 1 outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return PiecewiseLinear((-3.0, 3.0), (0.0, 1 / 6, 0.0), (0.0, 0.5, 1.0), (False, True), F.hardsigmoid)


class PixelFunction(nn.Module):
    """A function of pixels as a spatial module, for `Pointwise`.

    Args:
        function: Such as ``torch.nn.functional.gelu``; called with the pixels, then the other arguments.
        *args: Further arguments.
        **kwargs: Keyword arguments.
    """

    def __init__(self, function: Callable[..., Tensor], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.function, self.args, self.kwargs = function, args, kwargs

    def forward(self, pixels: Tensor) -> Tensor:
        """Call the function.

        Args:
            pixels: (n, c, h, w).

        Returns:
            (n, c, h, w).
        """
        return self.function(pixels, *self.args, **self.kwargs)

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            The function's name.
        """
        return getattr(self.function, "__name__", repr(self.function))


class Pointwise(Layer):
    """Any module that acts on each pixel alone, run exactly as J∘f∘J̃; its parameters stay at its own path.

    Args:
        function: The spatial module.

    Raises:
        InputError: If `function` is not a module.
    """

    on_pixels = True
    function: nn.Module

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        if not isinstance(function, nn.Module):
            raise InputError(
                f"Pointwise takes a spatial module, got {type(function).__qualname__}: wrap a function in PixelFunction"
            )
        # Not a child, and yet its tensors are this layer's: the state dict is the spatial module's.
        object.__setattr__(self, "function", function)
        self._parameters, self._buffers = function._parameters, function._buffers
        self._modules, self._non_persistent_buffers_set = function._modules, function._non_persistent_buffers_set
        self.training = function.training

    @overload
    def forward(self, x: Activation) -> Activation: ...
    @overload
    def forward(self, x: Rearranged) -> Rearranged: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: Maps | Tensor) -> Maps | Tensor:
        """Apply the function.

        Args:
            x: A feature map, or pixels.

        Returns:
            Its like, of the same extent.
        """
        x = x if isinstance(x, (Tensor, Rearranged)) else self._activation(x)
        if x.device.type == "meta":
            # Only shapes are wanted, and the function keeps them: it may look at values.
            return x
        self.function.training = self.training
        if isinstance(x, Tensor):
            return self.function(x)
        if isinstance(x, Rearranged):
            return functional.island(x, self.function)
        return functional.pointwise(x, self.function)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "island", masking_cost(elements(shape), 15, "asm", itemsize)
