"""What layers share that run a spatial module as it is: on pixels between J̃ and J, or on the coefficients."""

from torch import nn

from jpegdomain.errors import InputError

from .base import Layer

__all__ = ["Holder"]


class Holder(Layer):
    """Holds a spatial module whose tensors and mode are its own, so that the state dict stays the spatial module's.

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
                f"{type(self).__name__} takes a spatial module, got {type(function).__qualname__}: wrap a function in "
                "PixelFunction"
            )
        # Not a child, and yet its tensors are this layer's.
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
