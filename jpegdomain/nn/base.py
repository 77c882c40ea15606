"""Base classes of the layers: converting a spatial module, holding one, choosing by a truncated reconstruction."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor, nn

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.functional import Frequencies, Method

__all__ = ["Features", "Holder", "Layer", "Masking", "check_masking"]

_Self = TypeVar("_Self", bound="Layer")

Features = TypeVar("Features", Activation, Tensor)
"""A feature map: as an activation, or as pixels."""


class Layer(nn.Module):
    """The base of the layers: an ordinary torch module whose input is an `Activation`.

    Layers with parameters are subclasses of the torch module that they replace, so parameter names, initialisation,
    ``state_dict`` keys and settings are torch's.
    """

    returns: ClassVar[Literal["transform", "pixels"]] = "transform"
    """The domain of the result: an `Activation`, or plain pixels."""

    on_pixels: ClassVar[bool] = False
    """True if the layer also takes pixels, a plain tensor, and then returns pixels."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings that the spatial module does not have, and their defaults."""

    @classmethod
    def from_spatial(cls: type[_Self], module: nn.Module, **settings: Any) -> _Self:
        """Make the layer that computes on activations what a spatial module computes on pixels.

        The two share their state, settings, mode, hooks, parameters and buffers: a change to either changes both. The
        layer's own settings become attributes of the module.

        Args:
            module: A module of the torch class that this layer extends.
            **settings: The layer's own attributes: form, frequencies, method.

        Returns:
            The layer.

        Raises:
            TypeError: If the layer has no such setting.
        """
        layer = cls.__new__(cls)
        object.__setattr__(layer, "__dict__", module.__dict__)
        for name, default in cls.settings.items():
            layer.__dict__.setdefault(name, default)
        for name, value in settings.items():
            if not hasattr(layer, name):
                raise TypeError(f"{cls.__name__} has no setting {name!r}")
            setattr(layer, name, value)
        return layer

    def _feature_map(self, x: Any) -> Activation:
        """The input of a layer that takes any order of axes."""
        if not isinstance(x, Activation):
            raise InputError(
                f"{self} takes an Activation, got {type(x).__qualname__}: encode pixels with jpegdomain.encode"
            )
        return x

    def _activation(self, x: Any) -> Activation:
        """The input of a layer that takes (n, c, h, w) only."""
        x = self._feature_map(x)
        if (x.ndim, x.axes) != (4, (2, 3)):
            raise InputError(
                f"{type(self).__name__} takes an activation (n, c, h, w), got {x.ndim} axes with the pixels along "
                f"{x.axes}: permute it"
            )
        return x


class Holder(Layer):
    """Holds a spatial module and shares its tensors and mode, so that the state dict stays the spatial module's.

    Args:
        function: The spatial module.

    Raises:
        InputError: If `function` is not a module.
    """

    function: nn.Module

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        if not isinstance(function, nn.Module):
            raise InputError(
                f"{type(self).__name__} takes a module of torch.nn, got {type(function).__qualname__}: wrap a function "
                "in PixelFunction"
            )
        # Not a child module, but its tensors are this layer's.
        object.__setattr__(self, "function", function)
        self._parameters, self._buffers = function._parameters, function._buffers
        self._modules, self._non_persistent_buffers_set = function._modules, function._non_persistent_buffers_set

    @property
    def training(self) -> bool:
        """The module's mode."""
        function = self.__dict__.get("function")
        return function is None or function.training

    @training.setter
    def training(self, mode: bool) -> None:
        if "function" in self.__dict__:
            self.function.training = mode


def check_masking(name: str, value: Any) -> None:
    """Raise ValueError unless `frequencies` is 1…15 or a 0-d tensor, and `method` 'asm' or 'apx'."""
    if name == "frequencies" and isinstance(value, Tensor) and value.dim() == 0:
        return
    if name == "frequencies" and (type(value) is not int or not 1 <= value <= 15):
        raise ValueError(f"frequencies must be an integer, 1…15, got {value!r}")
    if name == "method" and value not in ("asm", "apx"):
        raise ValueError(f"method must be 'asm' or 'apx', got {value!r}")


class Masking(Layer):
    """A layer in which the lowest spatial frequencies of a block choose the piece for each pixel, by ASM or APX.

    Args:
        *args: As for the torch module.
        frequencies: 1…15, how many spatial frequencies choose; 15 is exact. For several networks under one
            ``torch.func.vmap``, a 0-d tensor with each network's own number.
        method: 'asm' applies the chosen piece to the exact pixels, 'apx' to the truncated reconstruction.
        **kwargs: As for the torch module.

    """

    on_pixels = True
    settings = {"frequencies": 15, "method": "asm"}  # noqa: RUF012
    frequencies: Frequencies
    method: Method

    def __init__(self, *args: Any, frequencies: int = 15, method: Method = "asm", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.frequencies = frequencies
        self.method = method

    def __setattr__(self, name: str, value: Any) -> None:
        check_masking(name, value)
        super().__setattr__(name, value)

    @property
    def exact(self) -> bool:
        """True at 15 frequencies, where nothing is approximated."""
        return not isinstance(self.frequencies, Tensor) and self.frequencies == 15

    def extra_repr(self) -> str:
        """Describe torch's settings, the frequencies and the method."""
        own = f"frequencies={self.frequencies}, method={self.method!r}"
        return ", ".join(filter(None, [super().extra_repr(), own]))
