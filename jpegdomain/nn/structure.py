"""What a model's own code does between its layers, as modules: additions, concatenations, slices, reshapes."""

from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor, nn

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.planning import Cost, transform_cost

from .base import Layer, elements

__all__ = ["Call", "Flatten"]


class Call(Layer):
    """A function of activations as a module, so that a converted model is a graph of modules.

    Args:
        function: Takes activations where its spatial counterpart takes feature maps.
        returns: The domain of its result.
        transforms: How many times it takes J or J̃ of its input.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        returns: Literal["transform", "pixels"] = "transform",
        transforms: int = 0,
    ) -> None:
        super().__init__()
        self.function = function
        self.returns = returns  # type: ignore[misc]
        self.transforms = transforms

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function.

        Args:
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Returns:
            Its result.
        """
        return self.function(*args, **kwargs)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            'direct', or 'island' where the function goes through pixels, and its cost.
        """
        form, cost = super().cost(shape, itemsize)
        one = transform_cost(elements(shape), itemsize)
        return ("island" if self.transforms else form), sum([one] * self.transforms, cost)

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            The function's name.
        """
        return getattr(self.function, "__name__", repr(self.function))


class Flatten(Layer, nn.Flatten):
    """``torch.nn.Flatten``: leaves the transform domain, then flattens."""

    returns = "pixels"

    def forward(self, x: Activation) -> Tensor:  # type: ignore[override]
        """Decode and flatten.

        Args:
            x: An activation.

        Returns:
            Pixels, (n, c·h·w) at the default settings.
        """
        return functional.flatten(self._activation(x), self.start_dim, self.end_dim)
