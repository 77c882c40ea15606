"""Where pixels, blocks and components lie: extents, block grids, sampling factors. No tensors.

A feature map of H×W pixels, its *extent*, lives on ⌈H/8⌉×⌈W/8⌉ blocks; pixels of those blocks outside H×W are
zero. All sizes here are (height, width) in samples unless they say blocks.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from .errors import ExtentMismatchError

__all__ = ["BLOCK", "Extent", "Padding", "Pair", "Window", "block_count", "component_extent", "padded_size", "pair"]
__all__ += ["window_output"]

Pair: TypeAlias = int | Sequence[int]
"""One number for both axes, or (vertical, horizontal)."""

Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]
"""One number, (vertical, horizontal), ((top, bottom), (left, right)), 'same' or 'valid'."""

BLOCK = 8
"""Samples along a block's side."""


class Extent(NamedTuple):
    """A size in pixels, (height, width)."""

    height: int
    width: int

    @property
    def blocks(self) -> tuple[int, int]:
        """(⌈height/8⌉, ⌈width/8⌉), the block grid that the extent lives on."""
        return block_count(self.height), block_count(self.width)

    @property
    def canvas(self) -> tuple[int, int]:
        """The height and width of the whole blocks, in samples."""
        return padded_size(self.height), padded_size(self.width)

    @property
    def whole(self) -> bool:
        """Whether there are no partial blocks."""
        return self == self.canvas

    def __str__(self) -> str:
        return f"{self.height}×{self.width}"


def pair(value: Pair) -> tuple[int, int]:
    """Return (vertical, horizontal) of one number, a sequence of one, or a pair."""
    if isinstance(value, int):
        return value, value
    return int(value[0]), int(value[-1])


def block_count(size: int) -> int:
    """Count the blocks that cover `size` samples, ⌈size/8⌉."""
    return -(-size // BLOCK)


def padded_size(size: int) -> int:
    """Round a number of samples up to whole blocks, 8·⌈size/8⌉."""
    return BLOCK * block_count(size)


def component_extent(extent: Extent, factors: tuple[int, int], largest: tuple[int, int]) -> Extent:
    """Compute a JPEG component's size, ⌈size·V/Vmax⌉, from its and the largest sampling factors (V, H) (T.81 A.1.1)."""
    return Extent(
        -(-extent.height * factors[0] // largest[0]),
        -(-extent.width * factors[1] // largest[1]),
    )


def window_output(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """Count the positions of a sliding window along one axis, as torch does.

    Returns:
        ⌊(size + before + after − dilation·(kernel−1) − 1)/stride⌋ + 1.

    Raises:
        ExtentMismatchError: If the window does not fit even once.
    """
    reach = dilation * (kernel - 1) + 1
    output = (size + sum(padding) - reach) // stride + 1
    if output < 1:
        raise ExtentMismatchError(
            f"a window of {reach} samples does not fit into {size} samples padded by {padding[0]} and {padding[1]}: "
            "the image is too small for this network"
        )
    return output


class Window(NamedTuple):
    """A sliding window along both axes: what a convolution does to geometry, without its weights.

    Args:
        kernel: Taps, (vertical, horizontal).
        stride: Samples between positions.
        padding: Zeros ((top, bottom), (left, right)).
        dilation: Samples between taps.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)

    @classmethod
    def of(
        cls,
        kernel: Pair,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
    ) -> "Window":
        """Read the arguments as ``torch.nn.functional.conv2d`` does.

        Args:
            kernel: One number or (vertical, horizontal).
            stride: As `kernel`.
            padding: As `kernel`, ((top, bottom), (left, right)), 'valid', or 'same' (an odd zero goes to the end).
            dilation: As `kernel`.

        Returns:
            The window.

        Raises:
            ValueError: If `padding` is an unknown word, or 'same' at a stride other than 1.
        """
        kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
        if padding == "valid":
            padding = 0
        if padding == "same":
            if stride != (1, 1):
                raise ValueError("padding='same' needs a stride of 1")
            totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
            pads = tuple((total // 2, total - total // 2) for total in totals)
            return cls(kernel, stride, (pads[0], pads[1]), dilation)
        if isinstance(padding, str):
            raise ValueError(f"padding must be a number, a pair, two pairs, 'same' or 'valid'; got {padding!r}")
        if isinstance(padding, int):
            padding = (padding, padding)
        return cls(kernel, stride, (pair(padding[0]), pair(padding[-1])), dilation)

    @property
    def pointwise(self) -> bool:
        """Whether every output pixel reads only the input pixel at the same place."""
        return self == Window((1, 1), dilation=self.dilation)

    @property
    def symmetric_padding(self) -> tuple[int, int] | None:
        """(vertical, horizontal) zeros if both ends of each axis get the same number, else None."""
        (top, bottom), (left, right) = self.padding
        return (top, left) if top == bottom and left == right else None

    def along(self, axis: int) -> tuple[int, int, tuple[int, int], int]:
        """Return kernel, stride, padding and dilation along an axis."""
        return self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]

    def output(self, extent: Extent) -> Extent:
        """Return the output's height and width, `window_output` along each axis."""
        return Extent(*(window_output(extent[axis], *self.along(axis)) for axis in (0, 1)))

    def reach(self, axis: int) -> tuple[int, int]:
        """Return which input blocks an output block's samples come from, relative to block stride·position.

        Output sample u of block x' reads samples 8·stride·x' + stride·u + dilation·t − before, t = 0…kernel−1.

        Args:
            axis: 0 vertical, 1 horizontal.

        Returns:
            (first, last) block offsets: a 3-tap window at stride 1 with padding 1 reaches (−1, 1).
        """
        before = self.padding[axis][0]
        last = self.stride[axis] * (BLOCK - 1) + self.dilation[axis] * (self.kernel[axis] - 1) - before
        return -before // BLOCK, last // BLOCK
