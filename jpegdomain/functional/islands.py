"""Run an operation on activations: by the table if it is there, else exactly on pixels, J∘f∘J̃."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.errors import InputError
from jpegdomain.table import Entry, Runtime, entry, note, operations, runs_by

from .pixels import pixels_of, transform
from .views import VIEWS, as_views, refresh, write_through

__all__ = ["DRAWS", "mapped", "run"]

DRAWS: Final = frozenset(
    operation
    for name in (
        *("alpha_dropout", "bernoulli", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"),
        *("feature_dropout", "fractional_max_pool2d", "gumbel_softmax", "poisson", "rand_like", "randint_like"),
        *("randn_like", "rrelu", "multinomial", "normal", "bernoulli_", "cauchy_", "exponential_", "geometric_"),
        *("log_normal_", "normal_", "random_", "uniform_", "dropout_", "rrelu_"),
    )
    for operation in operations(name)
)
"""Operations that draw random numbers, in the order of the pixels in memory."""


def run(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation on activations; feature maps among its results are activations."""
    if kwargs.get("out") is not None:
        return _with_out(operation, args, kwargs)
    if kwargs.get("inplace") is True:
        return _inplace_function(operation, args, kwargs)
    if operation in _WRITES:
        return _in_place(operation, args, kwargs)
    found = entry(operation)
    form, pixels = "closed", None
    if found is not None and _runs_closed(operation, found, args, kwargs):
        _agree(args, kwargs)
        result = found.function(*args, **kwargs)
    else:
        form = "island"
        result, pixels = _on_pixels(operation, args, kwargs)
    if operation in VIEWS and args and isinstance(args[0], Activation):
        as_views(operation, args, kwargs, result, pixels)
    note(operation, form, result)
    return result


def _runs_closed(operation: Any, found: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operation runs by its table entry; not with infinite pixels, which J would spread over a block."""
    if not found.accepts(*args, **kwargs):
        return False
    if operation in VIEWS:
        return True
    given = list(_activations((args, kwargs)))
    if found.anywhere and not any(x.has_coefficients for x in given):
        return False
    return all(x.has_coefficients or _finite(x) for x in given)


def _activations(value: Any) -> Iterator[Activation]:
    """All activations in nested arguments."""
    if isinstance(value, Activation):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _activations(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _activations(each)
    elif isinstance(value, slice):
        yield from _activations((value.start, value.stop, value.step))


def _agree(args: Any, kwargs: Any) -> list[Activation]:
    """All activations among the arguments; InputError if their options differ."""
    found = list(_activations((args, kwargs)))
    for x in found:
        if (x.frequencies, x.method) != (found[0].frequencies, found[0].method):
            raise InputError(
                f"activations with different approximation options cannot be combined: {found[0]!r} and {x!r}; "
                "give both the same options with Activation.with_options"
            )
    return found


def mapped(value: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """Replace all objects of one type in nested values; the containers keep their types."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, dict):
        pairs = {key: mapped(each, kind, function) for key, each in value.items()}
        return pairs if type(value) is dict else type(value)(pairs)
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        parts = [mapped(each, kind, function) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, slice):
        return slice(*(mapped(each, kind, function) for each in (value.start, value.stop, value.step)))
    return value


def _on_pixels(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Tensor | None]:
    """J∘f∘J̃, and the pixels of the first argument if it is an activation."""
    found = _agree(args, kwargs)
    if not found:
        return operation(*args, **kwargs), None
    contiguous = operation in VIEWS or operation in DRAWS
    made: list[Tensor] = []

    def pixels(x: Activation) -> Tensor:
        decoded = pixels_of(x)
        made.append(decoded.contiguous() if contiguous else decoded)
        return made[-1]

    result = operation(*mapped(args, Activation, pixels), **mapped(kwargs, Activation, pixels))
    like = max(found, key=lambda x: x.ndim)
    again = mapped(result, Tensor, lambda tensor: _again(tensor, like))
    return again, made[0] if args and isinstance(args[0], Activation) else None


def _again(tensor: Tensor, like: Activation) -> Activation | Tensor:
    """The result, as an activation if it is a feature map."""
    if not tensor.is_floating_point() or tensor.dim() < 2:
        return tensor
    if tensor.dim() == like.ndim:
        axes = like.axes
    elif tensor.dim() > 2 and tuple(tensor.shape[-2:]) == like.extent:
        axes = (tensor.dim() - 2, tensor.dim() - 1)
    else:
        return tensor
    if (tensor.shape[axes[0]], tensor.shape[axes[1]]) == (1, 1) or 0 in tensor.shape:
        return tensor
    return Activation.from_pixels(tensor, axes, like)


def _finite(x: Activation) -> bool:
    """Whether all pixels are finite, as far as they can be inspected."""
    pixels = pixels_of(x)
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or pixels.is_meta:
        return True
    if torch._C._len_torch_dispatch_stack() or torch._C._get_tracing_state():
        return True
    return bool(torch.isfinite(pixels.detach().sum()))


_WRITES: Final = (
    {
        operation: next(iter(operations(name[:-1])), None)
        for place in (Tensor, torch, F)
        for name in dir(place)
        if name.endswith("_") and not name.startswith("_") and name not in {"requires_grad_", "rename_"}
        for operation in [getattr(place, name)]
        if callable(operation)
    }
    | {
        getattr(Tensor, f"__i{name}__"): getattr(Tensor, f"__{name}__")
        for name in ("add", "and", "floordiv", "lshift", "mod", "mul", "or", "pow", "rshift", "sub", "truediv", "xor")
    }
    | {Tensor.__setitem__: None}
)
"""For each in-place operation, its out-of-place form, if there is one."""


def _in_place(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation that writes to its first argument."""
    target = args[0]
    if not isinstance(target, Activation):
        # A plain tensor is left as it is.
        _agree(args, kwargs)
        result = operation(*mapped(args, Activation, pixels_of), **mapped(kwargs, Activation, pixels_of))
        note(operation, "island", result)
        return result
    partner = _WRITES[operation]
    found = None if partner is None else entry(partner)
    if found is not None and _runs_closed(partner, found, args, kwargs):
        _agree(args, kwargs)
        write(target, found.function(*args, **kwargs))
        note(operation, "closed", target)
        return target
    _agree(args, kwargs)
    pixels = pixels_of(target).clone(memory_format=torch.contiguous_format)
    result = operation(pixels, *mapped(args[1:], Activation, pixels_of), **mapped(kwargs, Activation, pixels_of))
    write(target, pixels)
    note(operation, "island", target)
    return target if result is pixels else result


def _inplace_function(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function of ``nn.functional`` with ``inplace=True``."""
    target = args[0] if args else kwargs["input"]
    result = operation(*args, **{**kwargs, "inplace": False})
    if not isinstance(target, Activation):
        return target.copy_(result)
    write(target, result)
    return target


def _with_out(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation whose result goes where ``out=`` says."""
    rest = {name: value for name, value in kwargs.items() if name != "out"}
    target = kwargs["out"]
    if any(True for _ in _activations(target)):
        return _into(target, operation(*args, **rest))
    _agree(args, rest)
    pixels = mapped(args, Activation, pixels_of), mapped(rest, Activation, pixels_of)
    result = operation(*pixels[0], **pixels[1], out=target)
    note(operation, "island", result)
    return result


def _into(target: Any, result: Any) -> Any:
    """Put results where ``out=`` says."""
    if isinstance(target, (tuple, list)):
        for each, value in zip(target, result, strict=True):
            _into(each, value)
    elif isinstance(target, Activation):
        write(target, result)
    else:
        target.copy_(result)
    return target


def write(target: Activation, value: Activation | Tensor) -> None:
    """Replace the pixels of an activation, as ``torch.Tensor.copy_`` without broadcasting."""
    if value.shape != target.shape:
        raise InputError(f"a result of shape {tuple(value.shape)} cannot be written to {target!r}")
    if isinstance(value, Activation) and value.axes == target.axes:
        target.rebind(value if value.dtype == target.dtype else value.to(target.dtype))
        return
    pixels = pixels_of(value) if isinstance(value, Activation) else value
    target.rebind(Activation.from_pixels(pixels.to(target.dtype), target.axes, target))


runs_by(Runtime(run, refresh, transform, write_through))
