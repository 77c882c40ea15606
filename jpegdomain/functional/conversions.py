"""Copies, casts, moves and flips of activations, ``torch.zeros_like`` and the like, gradients, einops' functions."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.constants import constant
from jpegdomain.geometry import BLOCK
from jpegdomain.table import getter, implements

from .maps import alone
from .pixels import decode, encode, pixels_of

__all__: list[str] = []


def _stays_real(dtype: torch.dtype | None) -> bool:
    return dtype is None or dtype.is_floating_point


@implements("clone", accepts=alone)
def _clone(input: Activation, *, memory_format: Any = None) -> Activation:  # noqa: ARG001
    return input.moved(torch.clone)


@implements("detach", getter("data"), accepts=alone)
def _detach(input: Activation) -> Activation:
    return input.moved(torch.detach)


def _converts(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether a cast leaves real numbers; the dtype may be that of another tensor or activation."""
    if not isinstance(input, Activation):
        return False
    given = (x.dtype if isinstance(x, (Tensor, Activation)) else x for x in (*args, *kwargs.values()))
    return all(not isinstance(x, str) or not x.startswith("torch.") for x in args) and all(
        _stays_real(x) for x in given if isinstance(x, torch.dtype)
    )


@implements("to", "type", "type_as", accepts=_converts)
def _to(input: Activation, *args: Any, **kwargs: Any) -> Activation:
    kwargs.pop("memory_format", None)
    args = tuple(x._first if isinstance(x, Activation) else x for x in args)
    found = [x for x in args if not isinstance(x, torch.memory_format)]
    same = input._first
    if not (found or kwargs) or (same.to(*found, **kwargs) is same):
        return input
    return input.moved(lambda values: values.to(*found, **kwargs))


for _name in ("float", "double", "half", "bfloat16", "cpu", "cuda", "xpu"):

    @implements(getattr(Tensor, _name), accepts=alone)
    def _cast(input: Activation, *args: Any, _name: str = _name, **kwargs: Any) -> Activation:
        kwargs.pop("memory_format", None)
        if getattr(input._first, _name)(*args, **kwargs) is input._first:
            return input
        return input.moved(lambda values: getattr(values, _name)(*args, **kwargs))


def _likens(input: Any, *, dtype: Any = None, **kwargs: Any) -> bool:
    return alone(input, **kwargs) and _stays_real(dtype)


@implements("zeros_like", "empty_like", accepts=_likens)
def _zeros_like(input: Activation, *, memory_format: Any = None, **kwargs: Any) -> Activation:  # noqa: ARG001
    return input.replace(torch.zeros_like(input.coefficients, **kwargs))


for _name in ("new_zeros", "new_ones", "new_empty", "new_full"):

    @implements(getattr(Tensor, _name), accepts=alone)
    def _new(input: Activation, *args: Any, _name: str = _name, **kwargs: Any) -> Activation | Tensor:
        made = getattr(input._first, _name)(*args, **kwargs)
        images = made.is_floating_point() and made.dim() > 2 and min(made.shape[-2:]) > 1
        return encode(made, like=input) if images else made


@implements(getter("grad"), accepts=alone)
def _grad(input: Activation) -> Activation | None:
    # D is orthonormal: the gradient's coefficients are the coefficients' gradient.
    gradient = input._first.grad
    return None if gradient is None else _of_gradient(input, gradient)


def _of_gradient(x: Activation, gradient: Tensor) -> Activation:
    """The gradient of an activation's coefficients or pixels, as an activation; zero outside the extent."""
    pixels = gradient if x._from_pixels else decode(x.replace(gradient))
    return Activation.from_pixels(pixels, x.axes, x)


@implements(Tensor.register_hook, accepts=alone)
def _register_hook(input: Activation, hook: Any) -> Any:
    def call(gradient: Tensor) -> Tensor | None:
        changed = hook(_of_gradient(input, gradient))
        if not isinstance(changed, Activation):
            return changed
        return pixels_of(changed) if input._from_pixels else changed.coefficients

    return input._first.register_hook(call)


@implements(Tensor.backward, accepts=lambda input, *_args, **_kwargs: isinstance(input, Activation))
def _backward(input: Activation, gradient: Any = None, *args: Any, **kwargs: Any) -> None:
    torch.autograd.backward(pixels_of(input), _pixels(gradient), *args, **kwargs)


def _pixels(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(map(_pixels, value))
    return pixels_of(value) if isinstance(value, Activation) else value


@implements(torch.autograd.grad, accepts=lambda *_args, **_kwargs: True)
def _gradients(outputs: Any, inputs: Any, grad_outputs: Any = None, **kwargs: Any) -> tuple[Any, ...]:
    given = [inputs] if isinstance(inputs, (Tensor, Activation)) else list(inputs)
    leaves = [x._first if isinstance(x, Activation) else x for x in given]
    found = torch.autograd.grad(_pixels(outputs), leaves, _pixels(grad_outputs), **kwargs)
    return tuple(
        _of_gradient(x, gradient) if isinstance(x, Activation) and gradient is not None else gradient
        for x, gradient in zip(given, found, strict=True)
    )


@constant
def _signs(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(size,) (−1)^α for coefficients in place: odd basis functions change sign when their samples are reversed."""
    return torch.tensor([1.0, -1.0] * (size // 2), dtype=dtype, device=device)


def _flips(input: Any, *dims: Any, **named: Any) -> bool:
    """Whether a flip needs no pixels: of other axes, or of whole blocks."""
    if not alone(input) or named:
        return False
    axes = {dim % input.ndim for dim in _flat(dims)} & set(input.axes)
    return all(input.shape[axis] % BLOCK == 0 for axis in axes)


def _flat(dims: Sequence[Any]) -> list[int]:
    return [dim for part in dims for dim in (part if isinstance(part, (tuple, list)) else (part,))]


@implements("flip", accepts=_flips)
def _flip(input: Activation, *dims: Any) -> Activation:
    flipped = {dim % input.ndim for dim in _flat(dims)}
    coefficients = input.coefficients.flip([dim for dim in flipped if dim not in input.axes])
    for axis in flipped & set(input.axes):
        blocks = coefficients.unflatten(axis, (-1, BLOCK)).flip(axis).flatten(axis, axis + 1)
        sizes = [1] * input.ndim
        sizes[axis] = blocks.shape[axis]
        coefficients = blocks * _signs(blocks.shape[axis], blocks.dtype, blocks.device).view(sizes)
    return input.replace(coefficients)


if importlib.util.find_spec("einops") is not None:
    from einops._backends import TorchBackend

    class EinopsBackend(TorchBackend):  # type: ignore[misc, unused-ignore]
        """Lets einops treat activations as torch tensors; einops finds this backend among the subclasses of its own."""

        framework_name = "jpegdomain"

        def is_appropriate_type(self, tensor: Any) -> bool:
            """Return whether einops should use this backend."""
            return isinstance(tensor, Activation)
