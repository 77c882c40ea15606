"""Spatial modules run as they are: on pixels between J̃ and J, or on the coefficients themselves."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.planning import Cost, transform_cost

from .base import elements
from .holder import Holder
from .structure import Call

__all__ = ["Direct", "Island", "IslandCall"]


class Island(Holder):
    """Any module that takes feature maps to feature maps, run exactly as J∘f∘J̃."""

    def forward(self, x: Activation) -> Activation:
        """Apply the function.

        Args:
            x: A feature map.

        Returns:
            A feature map with its pixel axes in the same places.
        """
        return functional.island(self._feature_map(x), self.function)

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch; what lies between J̃ and J is counted as one pass.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        one = transform_cost(elements(shape), itemsize)
        return "island", one + one + Cost(moved=2 * itemsize * elements(shape), calls=1)


class Direct(Holder):
    """A module that is linear and treats all pixels of a channel alike, run on the coefficients as they are.

    So do a shuffle of channels, and dropping whole channels or images.
    """

    def forward(self, x: Activation) -> Activation:
        """Apply the function.

        Args:
            x: A feature map.

        Returns:
            A feature map of the same extent and axes.
        """
        x = self._feature_map(x)
        return x.replace(self.function(x.coefficients))


class IslandCall(Call):
    """A function of a feature map and other arguments, run exactly as J∘f∘J̃.

    Args:
        function: Such as ``torch.nn.functional.interpolate``: pixels, then the other arguments, to pixels.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__(function, transforms=2)

    def forward(self, input: Activation, *args: Any, **kwargs: Any) -> Activation:
        """Call the function.

        Args:
            input: A feature map.
            *args: Further arguments.
            **kwargs: Likewise.

        Returns:
            A feature map with its pixel axes in the same places.
        """
        return functional.island(input, lambda pixels: self.function(pixels, *args, **kwargs))
