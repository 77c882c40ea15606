"""The public names of ``torch.Tensor`` for an object that is not a tensor: read from its data, or run by the table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import torch
from torch import Tensor

from .errors import InputError
from .geometry import Extent
from .table import implements, runtime

__all__ = ["TensorLike"]

_Self = TypeVar("_Self", bound="TensorLike")


class TensorLike:
    """What an activation has in common with the tensor of its pixels."""

    _first: Tensor
    """What the activation was made from, coefficients or pixels."""
    _values: Tensor | None
    _pixels: Tensor | None
    _from_pixels: bool
    _extent: Extent
    _axes: tuple[int, int]
    ndim: int
    dtype: torch.dtype
    device: torch.device
    dim: Callable[[], int]

    @property
    def shape(self) -> torch.Size:
        """The shape of the pixels that the coefficients stand for."""
        if self._from_pixels:
            return self._first.shape
        sizes = list(self._first.shape)
        sizes[self._axes[0]], sizes[self._axes[1]] = self._extent
        return torch.Size(sizes)

    def size(self, dim: int | None = None) -> torch.Size | int:
        """``torch.Tensor.size`` of the pixels."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """``torch.Tensor.numel`` of the pixels."""
        return self.shape.numel()

    def __len__(self) -> int:
        return self.shape[0]

    def stride(self, dim: int | None = None) -> Any:
        """``torch.Tensor.stride`` of the pixels, as if they lay in contiguous memory."""
        return torch.empty(self.shape, device="meta").stride(*() if dim is None else (dim,))

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> bool:
        """Return True for the default format: the order in memory is an implementation detail."""
        return memory_format == torch.contiguous_format

    def contiguous(self: _Self, memory_format: torch.memory_format = torch.contiguous_format) -> _Self:  # noqa: ARG002
        """Return itself: the order in memory is an implementation detail."""
        return self

    def type(self, dtype: Any = None, **kwargs: Any) -> Any:
        """``torch.Tensor.type`` of the pixels."""
        return self._first.type() if dtype is None else runtime().run(Tensor.type, (self, dtype), kwargs)

    def requires_grad_(self: _Self, requires_grad: bool = True) -> _Self:
        """Request the gradient: ``grad`` is an activation, too."""
        _ = self.coefficients
        self._first.requires_grad_(requires_grad)
        # The other of the two was made without a gradient.
        self._values, self._pixels = (None, self._pixels) if self._from_pixels else (self._values, None)
        return self

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to the coefficients."""
        return self._first.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    __hash__ = object.__hash__

    if TYPE_CHECKING:  # Defined at the end of this file.

        def __getattr__(self, name: str) -> Any: ...


_ASKED: Final = (
    *("dim", "element_size", "get_device", "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg"),
    *("is_pinned", "is_shared", "is_signed", "retain_grad"),
)
"""Methods whose result is the same for the coefficients and the pixels."""

_READ: Final = (
    *("device", "dtype", "grad_fn", "is_cpu", "is_cuda", "is_leaf", "is_meta", "is_mkldnn", "is_mps", "is_mtia"),
    *("is_nested", "is_quantized", "is_sparse", "is_sparse_csr", "is_xla", "is_xpu", "itemsize", "layout", "ndim"),
    "retains_grad",
)
"""Attributes that are the same for the coefficients."""

_IN_MEMORY: Final = (
    *("data_ptr", "storage", "untyped_storage", "storage_offset", "set_", "resize_", "resize_as_", "pin_memory"),
)

_COMPARISONS: Final = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__format__"})

_OBJECTS: Final = frozenset(dir(object)) - _COMPARISONS | {
    *("__annotations__", "__dict__", "__module__", "__weakref__", "__torch_function__", "__torch_dispatch__"),
    *("__setstate__", "__deepcopy__", "__array_priority__", "__array_wrap__", "__cuda_array_interface__"),
    *("__dlpack__", "__dlpack_device__", "__dlpack_c_exchange_api__", "__div__", "__idiv__", "__nonzero__"),
}
"""Attributes that every Python object has, and those that only a real tensor can have."""


def _asks(name: str) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: getattr(self._first, name)(*args, **kwargs)


def _attribute(name: str) -> property:
    return property(lambda self: getattr(self._first, name))


def _refuses(name: str) -> Callable[..., Any]:
    def method(_self: TensorLike, *_args: Any, **_kwargs: Any) -> Any:
        raise InputError(
            f"an Activation has no {name}, since it has no pixels in memory: use jpegdomain.decode(activation) or "
            ".coefficients"
        )

    return method


def _runs(operation: Any) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: runtime().run(operation, (self, *args), kwargs)


def _gets(operation: Any) -> property:
    return property(lambda self: runtime().run(operation, (self,), {}))


def _is_any(input: Any, *_args: Any, **_kwargs: Any) -> bool:
    return isinstance(input, TensorLike)


def _behave_as_a_tensor() -> None:
    """Define every public name of ``torch.Tensor`` that `TensorLike` lacks."""
    for names, make in ((_ASKED, _asks), (_IN_MEMORY, _refuses), (_READ, _attribute)):
        for name in names:
            setattr(TensorLike, name, make(name))
    own = set(vars(TensorLike))
    for name in own - _OBJECTS:
        if not name.startswith("_") and callable(getattr(TensorLike, name)) and callable(getattr(Tensor, name, None)):
            implements(name, accepts=_is_any)(getattr(TensorLike, name))
    for name in dir(Tensor):
        if name in own or name in _OBJECTS or (name.startswith("_") and not name.startswith("__")):
            continue
        found = getattr(Tensor, name)
        setattr(TensorLike, name, _runs(found) if callable(found) else _gets(found.__get__))
    for name, member in vars(TensorLike).items():
        if callable(member) and not name.startswith("__"):
            member.__name__ = name


_behave_as_a_tensor()
