"""The data type that flows between layers: coefficients that behave like the pixels they stand for."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from torch import Tensor
from torch.utils import _pytree as pytree

from .errors import ExtentMismatchError
from .foreign_transforms import refuse_foreign_transform
from .geometry import Extent
from .table import runtime
from .tensorlike import TensorLike

__all__ = ["Activation", "Method", "View"]

Method: TypeAlias = Literal["asm", "apx"]
"""Approximated spatial masking, or the function of the truncated reconstruction."""


class View(NamedTuple):
    """How an activation was made as a view of another; `place` is its position among several results."""

    base: "Activation"
    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: int | None


class Activation(TensorLike):
    """A feature map in the transform domain; every torch operation treats it as its pixels.

    The layout is *in place*: an ordinary tensor in which each 8×8 tile of pixels along the two pixel axes is replaced
    by its orthonormal DCT-II coefficients, row = first pixel axis, column = second. Pixels that tiles have beyond
    the extent are zero; every operation keeps that invariant. J acts along the pixel axes only, so moving, splitting
    and merging other axes commutes with it: channels-last feature maps, (n, h, w, c), hold the same coefficients.

    ``torch.*``, ``torch.nn.functional.*``, tensor methods and operators give the results that they give on the pixels:
    computed in closed form on the coefficients where possible (`jpegdomain.table`), and as J∘f∘J̃ otherwise. Results
    that are feature maps are activations again; others are plain tensors. In-place operations replace this object's
    coefficients.

    Args:
        coefficients: (n, c, 8X, 8Y), or other axes, floating point, best in channels-last memory.
        extent: Height H and width W in pixels, ⌈H/8⌉ = X and ⌈W/8⌉ = Y.
        axes: Positions of the pixel axes, in ascending order.
        frequencies: 1…15, how many spatial frequencies piecewise-linear functions and max-pooling use to choose the
            piece that applies to a pixel, here and in everything computed from this activation; 15 is exact.
        method: 'asm' applies that piece to the exact pixel, 'apx' to the truncated reconstruction.

    Raises:
        ExtentMismatchError: If the coefficients' shape does not match the extent's block grid.
        ValueError: If `frequencies` or `method` is not one of the values above.
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
                f"coefficients of extent {extent} need the size {extent.canvas} along the axes {tuple(axes)}; "
                f"got the shape {tuple(sizes)}"
            )
        if not 1 <= frequencies <= 15:
            raise ValueError(f"frequencies must be 1…15, got {frequencies}")
        if method not in ("asm", "apx"):
            raise ValueError(f"method must be 'asm' or 'apx', got {method!r}")
        self._set(coefficients, None, extent, (first, second), frequencies, method)

    def _set(
        self,
        values: Any,
        pixels: Tensor | None,
        extent: Extent,
        axes: tuple[int, int],
        frequencies: int,
        method: Method,
    ) -> None:
        # Results computed on pixels are transformed only when coefficients are needed: one of the two may be missing.
        self._values: Tensor | None = values
        self._pixels = pixels
        self._from_pixels = values is None
        self._extent, self._axes, self._frequencies, self._method = extent, axes, frequencies, method
        self._writes = 0
        self._view: View | None = None
        self._seen = 0
        self._lent: list[tuple[Tensor, int]] = []

    @classmethod
    def from_pixels(cls, pixels: Tensor, axes: tuple[int, int], like: "Activation") -> "Activation":
        """Make an activation from pixels, not to be modified later; J is applied when coefficients are needed."""
        x = object.__new__(cls)
        x._set(
            None, pixels, Extent(pixels.shape[axes[0]], pixels.shape[axes[1]]), axes, like._frequencies, like._method
        )
        return x

    @property
    def coefficients(self) -> Tensor:
        """The coefficients, tiles in place along the pixel axes."""
        self.bring_up_to_date()
        return runtime().transform(self) if self._values is None else self._values

    @property
    def has_coefficients(self) -> bool:
        """Whether the coefficients have been computed; if not, only the pixels are there."""
        return self._values is not None

    def bring_up_to_date(self) -> None:
        """Pick up in-place writes to the activations and pixels that share this feature map."""
        if self._view is not None or self._lent:
            runtime().refresh(self)

    @property
    def _first(self) -> Tensor:  # type: ignore[override]
        """What this activation was made from, coefficients or pixels: gradients flow to it."""
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
        """How many spatial frequencies choose the pieces; 15 is exact."""
        return self._frequencies

    @property
    def method(self) -> Method:
        """The approximation below 15 frequencies, 'asm' or 'apx'."""
        return self._method

    def replace(
        self, coefficients: Tensor, extent: Extent | None = None, axes: tuple[int, int] | None = None
    ) -> "Activation":
        """Make another activation with the same options; extent and axes are also the same if None."""
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
        """Make an activation by moving coefficients and pixels alike, along axes other than the pixel axes."""
        self.bring_up_to_date()
        if self._values is None:
            return Activation.from_pixels(function(self._first), self._axes if axes is None else axes, self)
        result = self.replace(function(self._values), extent, axes)
        if self._pixels is not None:
            result._pixels, result._from_pixels = function(self._pixels), self._from_pixels
        return result

    def with_options(self, frequencies: int | None = None, method: Method | None = None) -> "Activation":
        """Make an activation of the same coefficients with other approximation options; None keeps an option."""
        return Activation(
            self.coefficients,
            self._extent,
            self._axes,
            self._frequencies if frequencies is None else frequencies,
            self._method if method is None else method,
        )

    def rebind(self, other: "Activation") -> None:
        """Take over the values of another activation of the same shape, dtype and axes, as in-place operations do."""
        other.bring_up_to_date()
        self._values, self._pixels, self._from_pixels = other._values, other._pixels, other._from_pixels
        self._writes += 1
        if self._view is not None or self._lent:
            runtime().write_through(self)

    def lend(self, pixels: Tensor) -> None:
        """Remember that a view of these pixels was handed out: what is written to it belongs to this activation."""
        self._lent.append((pixels, pixels._version))

    def is_view_of(self, view: View) -> None:
        """Record that this activation is a view of another one."""
        self._view, self._seen = view, view.base._writes

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a torch operation as `jpegdomain.table` says."""
        return runtime().run(func, args, {} if kwargs is None else kwargs)

    def __repr__(self) -> str:
        plain = (self.dim(), self.axes) == (4, (2, 3))
        axes = "" if plain else f", axes={self.axes}"
        options = "" if self.frequencies == 15 else f", frequencies={self.frequencies}, method={self.method!r}"
        return f"Activation(shape={tuple(self.shape)}{axes}, dtype={self.dtype}, device={self.device}{options})"


def _flatten(x: Activation) -> tuple[list[Any], tuple[Any, ...]]:
    refuse_foreign_transform(x, "transform jpegdomain.decode(x), its pixels")
    return [x.coefficients], (x.extent, x.axes, x.frequencies, x.method)


def _unflatten(children: Iterable[Any], context: tuple[Any, ...]) -> Activation:
    # Not through the constructor: pytrees also put objects other than tensors in a tensor's place.
    activation = object.__new__(Activation)
    (values,) = children
    activation._set(values, None, *context)
    return activation


# To torch.export and torch.func an activation is one tensor; everything else is part of the structure.
pytree.register_pytree_node(
    Activation,
    _flatten,
    _unflatten,
    serialized_type_name="jpegdomain.Activation",
    to_dumpable_context=list,
    from_dumpable_context=lambda context: (Extent(*context[0]), tuple(context[1]), *context[2:]),
    flatten_with_keys_fn=lambda x: ([(pytree.GetAttrKey("coefficients"), x.coefficients)], _flatten(x)[1]),
)
