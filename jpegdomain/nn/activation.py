"""Activation functions as modules: every piecewise-linear one of ``torch.nn`` by ASM or APX, the others exactly."""

from collections.abc import Callable
from typing import Any, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.functional import PiecewiseLinear, rectifiers
from jpegdomain.planning import Cost

from .base import elements
from .holder import Holder
from .masking import Masking, masking_cost

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


class Piecewise(Masking):
    """A piecewise-linear activation: `pieces` names the function, this class runs it.

    Args:
        *args: As for the torch module.
        frequencies: 1…15, the spatial frequencies that choose the pieces; 15 is exact. Where several networks run under
            one ``torch.func.vmap``, a tensor without axes: each network's own number.
        method: 'asm', masks from the truncated reconstruction, or 'apx', the function of it.
        **kwargs: As for the torch module.
    """

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
        x = self._feature_map(input)
        apply = functional.asm if self.method == "asm" else functional.apx
        return functional.elementwise(x, lambda four: apply(four, self.pieces(four), self.frequencies, inplace))

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:  # noqa: ARG002
        """The function itself, on pixels."""
        return self.pieces(pixels).function(pixels)

    def _masked(self, pixels: Tensor, pieces: PiecewiseLinear) -> Tensor:
        """ASM or APX between pixels."""
        return functional.piecewise_on_pixels(pixels, pieces, self.frequencies, self.method)


class ReLU(Piecewise, nn.ReLU):
    """``torch.nn.ReLU``: 0 up to 0, x above."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.relu(pixels, inplace)

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.relu()


class Hardtanh(Piecewise, nn.Hardtanh):
    """``torch.nn.Hardtanh``: x between min_val and max_val, the nearer of them outside."""

    def _exactly(self, pixels: Tensor, inplace: bool) -> Tensor:
        return F.hardtanh(pixels, self.min_val, self.max_val, inplace)

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.hardtanh(self.min_val, self.max_val)


class ReLU6(Hardtanh, nn.ReLU6):
    """``torch.nn.ReLU6``: `Hardtanh` between 0 and 6."""


class LeakyReLU(Piecewise, nn.LeakyReLU):
    """``torch.nn.LeakyReLU``: negative_slope·x up to 0, x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.leaky_relu(self.negative_slope)


class PReLU(Piecewise, nn.PReLU):
    """``torch.nn.PReLU``: a learned slope, one or one per channel, up to 0; x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.prelu(self.weight)


class RReLU(Piecewise, nn.RReLU):
    """``torch.nn.RReLU``: up to 0 a slope drawn per pixel in training, the mean slope in eval; x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.rrelu(self.lower, self.upper, self.training)


class Threshold(Piecewise, nn.Threshold):
    """``torch.nn.Threshold``: value up to the threshold, x above."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.threshold(float(self.threshold), float(self.value))


class Hardshrink(Piecewise, nn.Hardshrink):
    """``torch.nn.Hardshrink``: 0 between −λ and λ, x outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.hardshrink(self.lambd)


class Softshrink(Piecewise, nn.Softshrink):
    """``torch.nn.Softshrink``: 0 between −λ and λ, x moved towards 0 by λ outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.softshrink(self.lambd)


class Hardsigmoid(Piecewise, nn.Hardsigmoid):
    """``torch.nn.Hardsigmoid``: x/6 + ½ between −3 and 3, 0 and 1 outside."""

    def pieces(self, x: Activation | Tensor) -> PiecewiseLinear:  # noqa: ARG002, D102
        return rectifiers.hardsigmoid()


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


class Pointwise(Holder):
    """Any module that acts on each pixel alone, run exactly as J∘f∘J̃; its parameters stay at its own path.

    Args:
        function: The spatial module.

    Raises:
        InputError: If `function` is not a module.
    """

    on_pixels = True

    @overload
    def forward(self, x: Activation) -> Activation: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: Activation | Tensor) -> Activation | Tensor:
        """Apply the function.

        Args:
            x: A feature map, or pixels.

        Returns:
            Its like, of the same extent.
        """
        x = x if isinstance(x, Tensor) else self._feature_map(x)
        if x.device.type == "meta":
            # Only shapes are wanted, and the function keeps them: it may look at values.
            return x
        if isinstance(x, Tensor):
            return self.function(x)
        if (x.ndim, x.axes) == (4, (2, 3)):
            return functional.pointwise(x, self.function)
        return functional.island(x, self.function)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "island", masking_cost(elements(shape), 15, "asm", itemsize)
