"""What layers have in common that choose by a truncated reconstruction: frequencies, method, price."""

import math
from typing import Any

from torch import Tensor

from jpegdomain.functional import Frequencies, Method
from jpegdomain.planning import Cost, transform_cost

from .base import Layer, elements

__all__ = ["Masking", "check_masking", "masking_cost"]


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


def _form(frequencies: Frequencies, method: Method) -> str:
    """'exact' at 15 frequencies, else the method and the number."""
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


class Masking(Layer):
    """A layer in which the lowest spatial frequencies of a block decide, by ASM or APX.

    Args:
        *args: As for the torch module.
        frequencies: 1…15, the spatial frequencies that decide; 15 is exact. Where several networks run under one
            ``torch.func.vmap``, a tensor without axes: each network's own number.
        method: 'asm', which applies what they decide to the exact pixels, or 'apx', to the truncated reconstruction.
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
        self.__dict__.setdefault("frequencies", 15)
        self.__dict__.setdefault("method", "asm")

    def pixel_cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch on pixels.

        Args:
            shape: (n, c, h, w) of the input.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it; the cost of one pass, and below 15 frequencies of J and J̃ before it.
        """
        one = Cost(flops=math.prod(shape), moved=2 * itemsize * math.prod(shape), calls=1)
        if not isinstance(self.frequencies, Tensor) and self.frequencies == 15:
            return "spatial", one
        low_pass = transform_cost(elements(shape), itemsize)
        return f"spatial, {_form(self.frequencies, self.method)}", one + low_pass + low_pass

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number.

        Returns:
            The form as the plan prints it, and its cost; where the output is smaller, its J is priced as the input's.
        """
        cost = masking_cost(elements(shape), self.frequencies, self.method, itemsize)
        return _form(self.frequencies, self.method), cost

    def extra_repr(self) -> str:
        """Describe the settings.

        Returns:
            torch's description, the frequencies and the method.
        """
        own = f"frequencies={self.frequencies}, method={self.method!r}"
        return ", ".join(filter(None, [super().extra_repr(), own]))
