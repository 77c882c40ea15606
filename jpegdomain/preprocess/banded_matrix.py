"""A linear map of one axis as a banded matrix, for every geometric preprocessing step and their composition."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegdomain.errors import InputError

__all__ = ["BandedMatrix", "PaddingMode"]

PaddingMode: TypeAlias = Literal["constant", "edge", "reflect", "symmetric"]
"""How the outside of the image is filled, by torchvision's names."""

# NumPy's names of these modes.
_NUMPY_MODES: Final[dict[str, Any]] = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


@dataclass(frozen=True, eq=False)
class BandedMatrix:
    """y[o] = Σ_t weights[o, t]·x[starts[o] + t], along one axis.

    It owns its arrays and makes them read-only. Two matrices are equal only if they are the same object, so that a
    matrix can be the key of a cache.

    Attributes:
        size: Number of input samples.
        starts: int32 (out,), where each output's band begins: 0 ≤ starts, starts + taps ≤ size.
        weights: float64 (out, taps).

    Raises:
        InputError: If an array has another shape or type, or a band leaves the input.
    """

    size: int
    starts: NDArray[np.int32]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.starts.dtype != np.int32 or self.weights.dtype != np.float64:
            raise InputError(f"starts must be int32, weights float64; got {self.starts.dtype} and {self.weights.dtype}")
        if self.weights.ndim != 2 or self.starts.shape != self.weights.shape[:1] or not self.weights.size:
            raise InputError(
                f"starts must be (out,), weights (out, taps), none empty; got {self.starts.shape}, {self.weights.shape}"
            )
        if self.starts.min() < 0 or self.starts.max() + self.taps > self.size:
            raise InputError(f"a band of {self.taps} taps reaches outside the input of {self.size} samples")
        self.starts.flags.writeable = False
        self.weights.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Unpickled arrays are writeable.
        return BandedMatrix, (self.size, self.starts, self.weights)

    def __repr__(self) -> str:
        return f"BandedMatrix({self.size} → {self.out}, taps={self.taps})"

    @property
    def out(self) -> int:
        """Number of output samples."""
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        """The width of the band."""
        return self.weights.shape[1]

    @classmethod
    def identity(cls, size: int) -> "BandedMatrix":
        """The identity of this size."""
        return cls(size, np.arange(size, dtype=np.int32), np.ones((size, 1)))

    @classmethod
    def banded(cls, size: int, indices: NDArray[np.integer], weights: NDArray[np.float64]) -> "BandedMatrix":
        """Build y[o] = Σ_t weights[o, t]·x[indices[o, t]], its band as narrow as the weights allow.

        Args:
            size: Number of input samples.
            indices: (out, any), 0…size − 1 wherever the weight is not 0; an index may occur twice.
            weights: (out, any).

        Returns:
            The matrix (out, size).
        """
        out = len(weights)
        used = weights != 0
        if not used.any():
            return cls(size, np.zeros(out, np.int32), np.zeros((out, 1)))
        first = np.where(used, indices, size).min(1)
        last = np.where(used, indices, -1).max(1)
        empty = last < 0
        if empty.any():
            # An output that reads nothing must not widen the window.
            first[empty] = last[empty] = first[~empty].min()
        taps = int((last - first).max()) + 1
        starts = np.minimum(first, size - taps)
        places = indices - starts[:, None] + taps * np.arange(out)[:, None]
        band: NDArray[np.float64] = np.bincount(places[used], weights[used], minlength=out * taps).astype(np.float64)
        return cls(size, starts.astype(np.int32), band.reshape(out, taps))

    def __matmul__(self, inner: "BandedMatrix") -> "BandedMatrix":
        """The matrix product; `inner` may have more outputs than this matrix has inputs, which are then ignored."""
        if inner.out < self.size:
            raise InputError(f"{self!r} @ {inner!r}: the first needs more samples than the second has outputs")
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
        """Keep a range of the outputs; those outside are zero, as in torchvision's ``crop``.

        Args:
            start: The first output to keep; it may be negative.
            length: How many outputs to keep.

        Returns:
            The matrix (length, size).
        """
        if start >= 0 and start + length <= self.out:
            rows = slice(start, start + length)
            return BandedMatrix(self.size, self.starts[rows], self.weights[rows])
        return self._selected(np.arange(start, start + length))

    def flip(self) -> "BandedMatrix":
        """Reverse the order of the outputs."""
        return BandedMatrix(self.size, self.starts[::-1].copy(), self.weights[::-1].copy())

    def pad(self, before: int, after: int, mode: PaddingMode = "constant") -> "BandedMatrix":
        """Pad the output at both ends; a negative number crops.

        Args:
            before: Number of outputs to add at the beginning.
            after: Number of outputs to add at the end.
            mode: 'constant' pads with zeros; a fill is added separately. 'edge', 'reflect' and 'symmetric' repeat
                outputs.

        Returns:
            The matrix (before + out + after, size).

        Raises:
            ValueError: If the mode is unknown, or would reflect more outputs than there are.
        """
        if mode not in {"constant", *_NUMPY_MODES}:
            raise ValueError(f"padding_mode must be 'constant', 'edge', 'reflect' or 'symmetric', got {mode!r}")
        if mode == "constant" or (before <= 0 and after <= 0):
            return self.crop(-before, before + self.out + after)
        largest = {"reflect": self.out - 1, "symmetric": self.out}.get(mode)
        if largest is not None and max(before, after) > largest:
            most = f"at most by {largest}"
            raise ValueError(f"padding_mode={mode!r} cannot pad {self.out} samples by {max(before, after)}, {most}")
        rows = np.pad(np.arange(self.out), (max(before, 0), max(after, 0)), _NUMPY_MODES[mode])
        return self._selected(rows[max(-before, 0) : len(rows) - max(-after, 0)])

    def _selected(self, rows: NDArray[np.integer]) -> "BandedMatrix":
        """Select rows by index; out-of-range rows are zero."""
        inside = (rows >= 0) & (rows < self.out)
        kept = np.where(inside, rows, rows[inside].min() if inside.any() else 0)
        return BandedMatrix(self.size, self.starts[kept], self.weights[kept] * inside[:, None])

    def window(self) -> tuple[int, int]:
        """The inputs that the bands read: (first, last + 1)."""
        return int(self.starts.min()), int(self.starts.max()) + self.taps

    def within(self, first: int, size: int) -> "BandedMatrix":
        """The same map for a part of the input, from sample `first` on, that contains the `window`."""
        if first == 0 and size == self.size:
            return self
        return BandedMatrix(size, self.starts - np.int32(first), self.weights)

    def sums(self) -> NDArray[np.float64]:
        """(out,): the result for the constant 1; 0 where an output is outside the image."""
        return self.weights.sum(1)

    def apply(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """(size,) → (out,): the matrix times one line of samples."""
        return (self.weights * samples[self.starts[:, None] + np.arange(self.taps)]).sum(1)

    def dense(self) -> NDArray[np.float64]:
        """(out, size): the matrix with its zeros."""
        matrix = np.zeros((self.out, self.size))
        np.put_along_axis(matrix, self.starts[:, None] + np.arange(self.taps), self.weights, axis=1)
        return matrix
