"""What all layers share: taking over a spatial module, and saying what a layer returns."""

import math
from typing import Any, ClassVar, Literal, TypeVar

from torch import nn

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent
from jpegdomain.planning import Cost

__all__ = ["Layer", "elements"]

_Self = TypeVar("_Self", bound="Layer")


def elements(shape: tuple[int, ...]) -> int:
    """Count the coefficients of a feature map, whole blocks included.

    Args:
        shape: (n, c, h, w) in pixels.

    Returns:
        n·c·8⌈h/8⌉·8⌈w/8⌉.
    """
    height, width = Extent(*shape[2:]).canvas
    return shape[0] * shape[1] * height * width


class Layer(nn.Module):
    """The base of the layers: an ordinary torch module whose input is an `Activation`.

    Layers with parameters are subclasses of the torch module that they replace, so parameter names, initialisation,
    ``state_dict`` keys and settings are torch's.
    """

    returns: ClassVar[Literal["transform", "pixels"]] = "transform"
    """The domain of the result: an `Activation`, or plain pixels."""

    on_pixels: ClassVar[bool] = False
    """Whether the layer also takes pixels, a plain tensor, and then gives pixels: J̃∘layer∘J, run without J and J̃."""

    @classmethod
    def from_spatial(cls: type[_Self], module: nn.Module, **settings: Any) -> _Self:
        """Make the layer that computes on activations what a spatial module computes on pixels.

        Both have one and the same state, settings, mode, hooks, parameters and buffers: a change to either is a change
        to both. The layer's own settings become attributes of the module.

        Args:
            module: Of the torch class that this layer extends.
            **settings: The layer's own attributes: form, frequencies, method.

        Returns:
            The layer.

        Raises:
            TypeError: If the layer has no such setting.
        """
        layer = cls.__new__(cls)
        object.__setattr__(layer, "__dict__", module.__dict__)
        layer._prepare()
        for name, value in settings.items():
            if not hasattr(layer, name):
                raise TypeError(f"{cls.__name__} has no setting {name!r}")
            setattr(layer, name, value)
        return layer

    def _prepare(self) -> None:
        """Give defaults to settings that the spatial module does not have."""

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch, for the printed plan.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, 'direct' where no transform is taken, and its cost.
        """
        return "direct", Cost(moved=2 * itemsize * elements(shape), calls=1)

    def pixel_cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch where the same layer runs on pixels.

        Args:
            shape: (n, c, h, w) of the input.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "spatial", Cost(moved=2 * itemsize * math.prod(shape), calls=1)

    def _activation(self, x: Activation) -> Activation:
        if not isinstance(x, Activation):
            raise InputError(
                f"{self} takes an Activation, got {type(x).__qualname__}: encode pixels with jpegdomain.encode"
            )
        if (x.ndim, x.axes) != (4, (2, 3)):
            raise InputError(
                f"{type(self).__name__} takes an activation (n, c, h, w), got pixel axes {x.axes} of {x.ndim}: "
                "permute it"
            )
        return x

    def _feature_map(self, x: Any) -> Activation:
        """Like `_activation`, for layers that take any order of axes."""
        return x if isinstance(x, Activation) else self._activation(x)
