"""A linear map of one axis, stored as a band: what every geometric preprocessing step is, and their composition."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError

__all__ = ["BandedMatrix", "PaddingMode"]

PaddingMode: TypeAlias = Literal["constant", "edge", "reflect", "symmetric"]
"""What stands outside the image, by torchvision's names."""

# Its names in numpy.
_NUMPY_MODES: Final[dict[str, Any]] = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


@dataclass(frozen=True, eq=False)
class BandedMatrix:
    """y[o] = Σ_t weights[o, t]·x[starts[o] + t], along one axis.

    The record owns its arrays: it makes them read-only. Two maps are equal only if they are the same object, so that
    what is derived from one can be cached by it.

    Attributes:
        size: Samples of the input.
        starts: int32 (out,), where each output's band begins: 0 ≤ starts, starts + taps ≤ size.
        weights: float64 (out, taps).

    Raises:
        InputError: If the arrays are not of these shapes and types, or a band leaves the input.
    """

    size: int
    starts: NDArray[np.int32]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.starts.dtype != np.int32 or self.weights.dtype != np.float64:
            raise InputError(f"starts are int32, weights float64; got {self.starts.dtype} and {self.weights.dtype}")
        if self.weights.ndim != 2 or self.starts.shape != self.weights.shape[:1] or not self.weights.size:
            raise InputError(
                f"starts are (out,), weights (out, taps), neither 0; got {self.starts.shape} and {self.weights.shape}"
            )
        if self.starts.min() < 0 or self.starts.max() + self.taps > self.size:
            raise InputError(f"a band of {self.taps} taps leaves the input of {self.size} samples")
        self.starts.flags.writeable = False
        self.weights.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Arrays come writeable out of a pickle.
        return BandedMatrix, (self.size, self.starts, self.weights)

    def __repr__(self) -> str:
        return f"BandedMatrix({self.size} → {self.out}, taps={self.taps})"

    @property
    def out(self) -> int:
        """Samples of the output."""
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        """The width of the band."""
        return self.weights.shape[1]

    @classmethod
    def identity(cls, size: int) -> "BandedMatrix":
        """Give the map that changes nothing.

        Args:
            size: Samples.

        Returns:
            size → size.
        """
        return cls(size, np.arange(size, dtype=np.int32), np.ones((size, 1)))

    @classmethod
    def banded(cls, size: int, indices: NDArray[np.integer], weights: NDArray[np.float64]) -> "BandedMatrix":
        """Give the map y[o] = Σ_t weights[o, t]·x[indices[o, t]], its band as narrow as the weights allow.

        Args:
            size: Samples of the input.
            indices: (out, any), 0…size − 1 wherever the weight is not 0; an index may come twice.
            weights: (out, any).

        Returns:
            size → out.
        """
        out = len(weights)
        used = weights != 0
        if not used.any():
            return cls(size, np.zeros(out, np.int32), np.zeros((out, 1)))
        first = np.where(used, indices, size).min(1)
        last = np.where(used, indices, -1).max(1)
        empty = last < 0
        if empty.any():
            # An output that reads nothing must not widen the window of what is read.
            first[empty] = last[empty] = first[~empty].min()
        taps = int((last - first).max()) + 1
        starts = np.minimum(first, size - taps)
        places = indices - starts[:, None] + taps * np.arange(out)[:, None]
        band: NDArray[np.float64] = np.bincount(places[used], weights[used], minlength=out * taps).astype(np.float64)
        return cls(size, starts.astype(np.int32), band.reshape(out, taps))

    def after(self, inner: "BandedMatrix") -> "BandedMatrix":
        """Compose: this map of what another gives.

        Args:
            inner: The map that comes first; it may give more samples at its end than this one takes.

        Returns:
            inner.size → self.out, the matrix product.

        Raises:
            InputError: If `inner` gives fewer samples than this map takes.
        """
        if inner.out < self.size:
            raise InputError(f"{self!r} cannot follow {inner!r}: it takes more samples than that gives")
        if inner.taps == 1:
            first = int(inner.starts[0])
            rows = np.arange(first, first + self.size, dtype=np.int32)
            if (inner.starts[: self.size] == rows).all() and (inner.weights[: self.size] == 1).all():
                return BandedMatrix(inner.size, self.starts + np.int32(first), self.weights)
        middle = self.starts[:, None] + np.arange(self.taps)
        indices = inner.starts[middle][:, :, None] + np.arange(inner.taps)
        weights = self.weights[:, :, None] * inner.weights[middle]
        return BandedMatrix.banded(inner.size, indices.reshape(self.out, -1), weights.reshape(self.out, -1))

    def crop(self, start: int, length: int) -> "BandedMatrix":
        """Keep a run of the output; places outside it are zero, as torchvision's ``crop`` has them.

        Args:
            start: The first output kept; it may be negative.
            length: Outputs.

        Returns:
            size → length.
        """
        if start >= 0 and start + length <= self.out:
            rows = slice(start, start + length)
            return BandedMatrix(self.size, self.starts[rows], self.weights[rows])
        return self._taken(np.arange(start, start + length))

    def flip(self) -> "BandedMatrix":
        """Turn the output round.

        Returns:
            size → out.
        """
        return BandedMatrix(self.size, self.starts[::-1].copy(), self.weights[::-1].copy())

    def pad(self, before: int, after: int, mode: PaddingMode = "constant") -> "BandedMatrix":
        """Extend the output at both ends; a negative number crops.

        Args:
            before: Outputs in front.
            after: Outputs behind.
            mode: 'constant' gives zeros; a fill is added beside the map. 'edge', 'reflect' and 'symmetric' repeat
                outputs.

        Returns:
            size → before + out + after.

        Raises:
            ValueError: If there is no such mode, or it would reflect more than there is.
        """
        if mode not in {"constant", *_NUMPY_MODES}:
            raise ValueError(f"padding_mode is 'constant', 'edge', 'reflect' or 'symmetric', got {mode!r}")
        if mode == "constant" or (before <= 0 and after <= 0):
            return self.crop(-before, before + self.out + after)
        largest = {"reflect": self.out - 1, "symmetric": self.out}.get(mode)
        if largest is not None and max(before, after) > largest:
            raise ValueError(f"{mode} cannot pad {self.out} samples by {max(before, after)}: {largest} at most")
        rows = np.pad(np.arange(self.out), (max(before, 0), max(after, 0)), _NUMPY_MODES[mode])
        return self._taken(rows[max(-before, 0) : len(rows) - max(-after, 0)])

    def _taken(self, rows: NDArray[np.integer]) -> "BandedMatrix":
        """Outputs by their numbers; those that there are not are zero."""
        inside = (rows >= 0) & (rows < self.out)
        kept = np.where(inside, rows, rows[inside].min() if inside.any() else 0)
        return BandedMatrix(self.size, self.starts[kept], self.weights[kept] * inside[:, None])

    def window(self) -> tuple[int, int]:
        """Give the input that is read.

        Returns:
            (first, last + 1): no band leaves it.
        """
        return int(self.starts.min()), int(self.starts.max()) + self.taps

    def within(self, first: int, size: int) -> "BandedMatrix":
        """Give the same map of a part of the input.

        Args:
            first: Where the part begins.
            size: Samples of the part; `window` must lie in it.

        Returns:
            size → out.
        """
        if first == 0 and size == self.size:
            return self
        return BandedMatrix(size, self.starts - np.int32(first), self.weights)

    def sums(self) -> NDArray[np.float64]:
        """Map the constant 1.

        Returns:
            (out,): 1 where an output is a mean of inputs, 0 where it is outside the image.
        """
        return self.weights.sum(1)

    def apply(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map one line of samples.

        Args:
            samples: (size,).

        Returns:
            (out,).
        """
        return (self.weights * samples[self.starts[:, None] + np.arange(self.taps)]).sum(1)

    def dense(self) -> NDArray[np.float64]:
        """Give the matrix.

        Returns:
            (out, size).
        """
        matrix = np.zeros((self.out, self.size))
        np.put_along_axis(matrix, self.starts[:, None] + np.arange(self.taps), self.weights, axis=1)
        return matrix
