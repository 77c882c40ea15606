"""The datum that flows between layers: coefficients that behave as the pixels they stand for."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .errors import ExtentMismatchError, InputError
from .geometry import Extent
from .table import implements, runtime

__all__ = ["Activation", "Method", "View"]

Method: TypeAlias = Literal["asm", "apx"]
"""Approximated spatial masking, or the function of the truncated reconstruction."""


class View(NamedTuple):
    """That an activation is a view of another one, and how to take it again.

    Args:
        base: The other activation.
        operation: Of torch, which took the view.
        args: Its arguments behind the base.
        kwargs: Its keyword arguments.
        place: Among the operation's results; None if there is one only.
    """

    base: "Activation"
    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: int | None


class Activation:
    """A feature map in the transform domain, which every operation of torch takes for its pixels.

    The layout is *in place*: an ordinary tensor in which each 8×8 tile of pixels along the two pixel axes is replaced
    by its orthonormal DCT-II coefficients, row = first pixel axis, column = second. Pixels of the tiles outside the
    extent are zero; every operation keeps that invariant. J acts along the pixel axes only, so moving, splitting and
    merging other axes commutes with it: channels-last feature maps, (n, h, w, c), hold the same coefficients.

    ``torch.*``, ``torch.nn.functional.*``, tensor methods and operators mean what they mean on the pixels: by a closed
    form on the coefficients where there is one (`jpegdomain.table`), as J∘f∘J̃ elsewhere. Results that are feature maps
    again are activations, others plain tensors. Operations in place give this object new coefficients.

    Args:
        coefficients: (n, c, 8X, 8Y), or other axes, floating point, best in channels-last memory.
        extent: Height H and width W in pixels, ⌈H/8⌉ = X and ⌈W/8⌉ = Y.
        axes: Positions of the pixel axes, in ascending order.
        frequencies: 1…15, the spatial frequencies by which piecewise-linear functions and max-pooling choose their
            pieces, here and in all that is computed from this activation; 15 is exact.
        method: 'asm', which applies the piece to the exact pixel, or 'apx', to the truncated reconstruction.

    Raises:
        ExtentMismatchError: If the coefficients do not lie on the extent's block grid.
        ValueError: If `frequencies` or `method` is none of the above.
    """

    def __init__(
        self,
        coefficients: Tensor,
        extent: Extent,
        axes: tuple[int, int] = (-2, -1),
        frequencies: int = 15,
        method: Method = "asm",
    ) -> None:
        sizes, ndim, extent = coefficients.shape, coefficients.dim(), Extent(*extent)
        first, second = axes[0] + ndim * (axes[0] < 0), axes[1] + ndim * (axes[1] < 0)
        if not 0 <= first < second < ndim or (sizes[first], sizes[second]) != extent.canvas:
            raise ExtentMismatchError(
                f"coefficients of an extent of {extent} have its canvas {extent.canvas} along the axes {tuple(axes)}; "
                f"got the shape {tuple(sizes)}"
            )
        if not 1 <= frequencies <= 15:
            raise ValueError(f"frequencies is 1…15, got {frequencies}")
        if method not in ("asm", "apx"):
            raise ValueError(f"method is 'asm' or 'apx', got {method!r}")
        # What is computed on pixels is transformed when its coefficients are asked for: one of the two may be missing.
        self._values: Tensor | None = coefficients
        self._pixels: Tensor | None = None
        self._from_pixels = False
        self._extent = extent
        self._axes = (first, second)
        self._frequencies = frequencies
        self._method: Method = method
        self._writes = 0
        self._view: View | None = None
        self._seen = 0
        self._lent: list[tuple[Tensor, int]] = []

    @classmethod
    def from_pixels(cls, pixels: Tensor, axes: tuple[int, int], like: "Activation") -> "Activation":
        """Make an activation that takes J of its pixels when somebody asks for coefficients.

        Args:
            pixels: Any axes; nobody may write to them afterwards.
            axes: Positions of the pixel axes, in ascending order, from 0 on.
            like: Whose options the activation is to have.

        Returns:
            The activation.
        """
        x = object.__new__(cls)
        x._values, x._pixels, x._from_pixels = None, pixels, True
        x._extent, x._axes = Extent(pixels.shape[axes[0]], pixels.shape[axes[1]]), axes
        x._frequencies, x._method = like._frequencies, like._method
        x._writes, x._view, x._seen, x._lent = 0, None, 0, []
        return x

    @property
    def coefficients(self) -> Tensor:
        """The coefficients, tiles in place along the pixel axes."""
        self.bring_up_to_date()
        return runtime().transform(self) if self._values is None else self._values

    @property
    def has_coefficients(self) -> bool:
        """Whether the coefficients are at hand; if not, only the pixels are."""
        return self._values is not None

    def bring_up_to_date(self) -> None:
        """Take over what was written to activations and pixels that this one is a view of, or that are views of it."""
        if self._view is not None or self._lent:
            runtime().refresh(self)

    @property
    def _first(self) -> Tensor:
        """What this activation was made of, coefficients or pixels: gradients flow to it."""
        found = self._pixels if self._from_pixels else self._values
        assert found is not None
        return found

    @property
    def extent(self) -> Extent:
        """Height and width in pixels, in the order of `axes`."""
        return self._extent

    @property
    def axes(self) -> tuple[int, int]:
        """Positions of the pixel axes."""
        return self._axes

    @property
    def frequencies(self) -> int:
        """The spatial frequencies that decide; 15 is exact."""
        return self._frequencies

    @property
    def method(self) -> Method:
        """The approximation below 15 frequencies, 'asm' or 'apx'."""
        return self._method

    def replace(
        self, coefficients: Tensor, extent: Extent | None = None, axes: tuple[int, int] | None = None
    ) -> "Activation":
        """Make another activation with this one's options.

        Args:
            coefficients: Of the other one.
            extent: Likewise; this one's if None.
            axes: Likewise.

        Returns:
            The activation.
        """
        return Activation(
            coefficients,
            self._extent if extent is None else extent,
            self._axes if axes is None else axes,
            self._frequencies,
            self._method,
        )

    def moved(
        self, function: Callable[[Tensor], Tensor], extent: Extent | None = None, axes: tuple[int, int] | None = None
    ) -> "Activation":
        """Make an activation by moving this one's numbers along other axes than the pixels'.

        Args:
            function: Of coefficients and pixels alike.
            extent: Of the result; this one's if None.
            axes: Likewise.

        Returns:
            The activation.
        """
        self.bring_up_to_date()
        if self._values is None:
            return Activation.from_pixels(function(self._first), self._axes if axes is None else axes, self)
        result = self.replace(function(self._values), extent, axes)
        if self._pixels is not None:
            result._pixels, result._from_pixels = function(self._pixels), self._from_pixels
        return result

    def with_options(self, frequencies: int | None = None, method: Method | None = None) -> "Activation":
        """Make an activation of the same coefficients that is approximated in another way.

        Args:
            frequencies: 1…15; this one's if None.
            method: 'asm' or 'apx'; this one's if None.

        Returns:
            The activation.
        """
        return Activation(
            self.coefficients,
            self._extent,
            self._axes,
            self._frequencies if frequencies is None else frequencies,
            self._method if method is None else method,
        )

    def rebind(self, other: "Activation") -> None:
        """Give this object another one's values: what operations in place do.

        Args:
            other: Of the same shape, dtype and axes.
        """
        other.bring_up_to_date()
        self._values, self._pixels, self._from_pixels = other._values, other._pixels, other._from_pixels
        self._writes += 1
        if self._view is not None or self._lent:
            runtime().write_through(self)

    def lend(self, pixels: Tensor) -> None:
        """Remember pixels of which a view was handed out: what is written there belongs to this activation, too.

        Args:
            pixels: Of this activation, of its shape.
        """
        self._lent.append((pixels, pixels._version))

    def is_view_of(self, view: View) -> None:
        """Say that this activation is a view of another one.

        Args:
            view: How it was taken.
        """
        self._view, self._seen = view, view.base._writes

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation of torch: how, says `jpegdomain.table`."""
        return runtime().run(func, args, {} if kwargs is None else kwargs)

    def __repr__(self) -> str:
        plain = (self.dim(), self.axes) == (4, (2, 3))
        axes = "" if plain else f", axes={self.axes}"
        options = "" if self.frequencies == 15 else f", frequencies={self.frequencies}, method={self.method!r}"
        return f"Activation(shape={tuple(self.shape)}{axes}, dtype={self.dtype}, device={self.device}{options})"

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

    def dim(self) -> int:
        """``torch.Tensor.dim`` of the pixels."""
        return self._first.dim()

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._first.dim()

    def numel(self) -> int:
        """``torch.Tensor.numel`` of the pixels."""
        return self.shape.numel()

    def __len__(self) -> int:
        return self.shape[0]

    def stride(self, dim: int | None = None) -> Any:
        """``torch.Tensor.stride`` of the pixels, as if they lay in contiguous memory."""
        return torch.empty(self.shape, device="meta").stride(*() if dim is None else (dim,))

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> bool:
        """``torch.Tensor.is_contiguous`` of the pixels: yes; their order in memory is this class's own business."""
        return memory_format == torch.contiguous_format

    def contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> "Activation":  # noqa: ARG002
        """Itself: the order in memory is this class's own business."""
        return self

    @property
    def dtype(self) -> torch.dtype:
        """The coefficients' dtype."""
        return self._first.dtype

    @property
    def device(self) -> torch.device:
        """The coefficients' device."""
        return self._first.device

    def type(self, dtype: Any = None, **kwargs: Any) -> Any:
        """``torch.Tensor.type`` of the pixels."""
        return self._first.type() if dtype is None else runtime().run(Tensor.type, (self, dtype), kwargs)

    def requires_grad_(self, requires_grad: bool = True) -> "Activation":
        """Ask for the gradient: ``grad`` is an activation, too."""
        _ = self.coefficients
        self._first.requires_grad_(requires_grad)
        # The other one was made without the gradient.
        self._values, self._pixels = (None, self._pixels) if self._from_pixels else (self._values, None)
        return self

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to the coefficients."""
        return self._first.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def retain_grad(self) -> None:
        """``torch.Tensor.retain_grad`` of the coefficients, from which ``grad`` follows."""
        self._first.retain_grad()

    def data_ptr(self) -> int:
        """Refuse: there are no pixels in memory.

        Raises:
            InputError: Always.
        """
        raise InputError("an Activation has no pixels in memory: take jpegdomain.decode(activation), or .coefficients")

    __hash__ = object.__hash__

    if TYPE_CHECKING:  # Written at the end of this file.

        def __getattr__(self, name: str) -> Any: ...


_OF_COEFFICIENTS: Final = (
    *(
        "element_size",
        "get_device",
        "is_complex",
        "is_conj",
        "is_floating_point",
        "is_inference",
        "is_neg",
        "is_signed",
    ),
    *("is_pinned", "is_shared"),
)
"""Questions that the coefficients answer as the pixels would."""

_ATTRIBUTES_OF_COEFFICIENTS: Final = (
    *("grad_fn", "is_cpu", "is_cuda", "is_leaf", "is_meta", "is_mkldnn", "is_mps", "is_mtia", "is_nested"),
    *("is_quantized", "is_sparse", "is_sparse_csr", "is_xla", "is_xpu", "itemsize", "layout", "retains_grad"),
)

_IN_MEMORY: Final = ("storage", "untyped_storage", "storage_offset", "set_", "resize_", "resize_as_", "pin_memory")

_OBJECTS: Final = frozenset(dir(object)) - {
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__format__",
} | {
    *("__annotations__", "__dict__", "__module__", "__weakref__", "__torch_function__", "__torch_dispatch__"),
    *("__setstate__", "__deepcopy__", "__array_priority__", "__array_wrap__", "__cuda_array_interface__"),
    *("__dlpack__", "__dlpack_device__", "__dlpack_c_exchange_api__", "__div__", "__idiv__", "__nonzero__"),
}
"""What every Python object has, and what only a real tensor can have."""


def _is_any(input: Any, *_args: Any, **_kwargs: Any) -> bool:
    return isinstance(input, Activation)


def _asks(name: str) -> Callable[..., Any]:
    def method(self: Activation, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._first, name)(*args, **kwargs)

    method.__name__ = name
    return method


def _attribute(name: str) -> Callable[[Activation], Any]:
    return lambda self: getattr(self._first, name)


def _refuses(name: str) -> Callable[..., Any]:
    def method(_self: Activation, *_args: Any, **_kwargs: Any) -> Any:
        raise InputError(f"an Activation has no {name}: take jpegdomain.decode(activation), or .coefficients")

    method.__name__ = name
    return method


def _runs(name: str, operation: Any) -> Callable[..., Any]:
    def method(self: Activation, *args: Any, **kwargs: Any) -> Any:
        return runtime().run(operation, (self, *args), kwargs)

    method.__name__ = name
    return method


def _gets(operation: Any) -> property:
    def get(self: Activation) -> Any:
        return runtime().run(operation, (self,), {})

    return property(get)


def _behave_as_a_tensor() -> None:
    """Give `Activation` every public name of ``torch.Tensor`` that it has not got of its own."""
    for name in _OF_COEFFICIENTS:
        setattr(Activation, name, _asks(name))
    for name in _IN_MEMORY:
        setattr(Activation, name, _refuses(name))
    for name in _ATTRIBUTES_OF_COEFFICIENTS:
        setattr(Activation, name, property(_attribute(name)))
    own = set(vars(Activation))
    for name in own - _OBJECTS:
        if not name.startswith("_") and callable(getattr(Activation, name)) and callable(getattr(Tensor, name, None)):
            implements(name, accepts=_is_any)(getattr(Activation, name))
    for name in dir(Tensor):
        if name in own or name in _OBJECTS or (name.startswith("_") and not name.startswith("__")):
            continue
        found = getattr(Tensor, name)
        setattr(Activation, name, _runs(name, found) if callable(found) else _gets(found.__get__))


_behave_as_a_tensor()


def _flatten(x: Activation) -> tuple[list[Any], tuple[Any, ...]]:
    return [x.coefficients], (x.extent, x.axes, x.frequencies, x.method)


def _unflatten(children: Iterable[Any], context: tuple[Any, ...]) -> Activation:
    # Not by the constructor: what is put in a tensor's place is no tensor.
    activation = object.__new__(Activation)
    (activation._values,) = children
    activation._pixels, activation._from_pixels = None, False
    activation._extent, activation._axes, activation._frequencies, activation._method = context
    activation._writes, activation._view, activation._seen, activation._lent = 0, None, 0, []
    return activation


# To torch.export and torch.func an activation is one tensor, and all else part of the structure.
pytree.register_pytree_node(
    Activation,
    _flatten,
    _unflatten,
    serialized_type_name="jpegdomain.Activation",
    to_dumpable_context=list,
    from_dumpable_context=lambda context: (Extent(*context[0]), tuple(context[1]), *context[2:]),
    flatten_with_keys_fn=lambda x: ([(pytree.GetAttrKey("coefficients"), x.coefficients)], _flatten(x)[1]),
)
