"""Pointwise functions in the transform domain: ASM and APX for piecewise-linear ones, J∘f∘J̃ for the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jpegdomain.activation import Activation, Method
from jpegdomain.geometry import Extent
from jpegdomain.transform import operators
from jpegdomain.transform.blocks import from_coefficients, is_followed, masked, to_coefficients
from jpegdomain.transform.cpu import Pieces, launch, takes
from jpegdomain.transform.reference import Frequencies, check_frequencies, low_pass

from .pixels import decode, encode, map_pixels

__all__ = [
    "Method",
    "PiecewiseLinear",
    "apx",
    "apx_relu",
    "asm",
    "asm_relu",
    "between",
    "harmonic_mixing",
    "pointwise",
]


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A piecewise-linear function: on its i-th interval, f(x) = slopes[i]·x + intercepts[i].

    Args:
        breakpoints: t_1 < … < t_m, where the pieces meet.
        slopes: m+1 numbers, tensors that broadcast with (n, c, h, w), or functions of such a tensor that draw them.
        intercepts: m+1 numbers.
        closed: m flags: whether t_i itself belongs to the piece above it.
        function: The same function as one call, (n, c, h, w) → (n, c, h, w).
    """

    breakpoints: tuple[float, ...]
    slopes: tuple[float | Tensor | Callable[[Tensor], Tensor], ...]
    intercepts: tuple[float, ...]
    closed: tuple[bool, ...]
    function: Callable[[Tensor], Tensor]

    def by_masks(self, exact: Tensor, approximation: Tensor) -> Tensor:
        """Choose each pixel's piece by an approximation, and apply it to the exact value (section 4.2).

        Args:
            exact: (n, c, h, w) pixels.
            approximation: (n, c, h, w) pixels whose interval decides.

        Returns:
            (n, c, h, w): Σ_i mask_i(approximation)·(slopes[i]·exact + intercepts[i]).
        """
        if self._rectifies:
            # exact where approximation > 0, else 0: one pass, and on a CPU a twentieth of where's time.
            return torch.ops.aten.threshold_backward(exact, approximation, 0.0)
        result = self._piece(0, exact)
        for index, (edge, closed) in enumerate(zip(self.breakpoints, self.closed, strict=True), start=1):
            above = approximation >= edge if closed else approximation > edge
            result = torch.where(above, self._piece(index, exact), result)
        return result

    def constant_outside(self) -> Pieces | None:
        """Describe the function as the identity between constants, if it is that: ReLU, ReLU6, Hardtanh, Threshold.

        Returns:
            The constants and their places, or None for another function.
        """
        if not all(isinstance(slope, float) for slope in self.slopes):
            return None
        if self.slopes == (0.0, 1.0) and self.closed == (False,) and self.intercepts[1] == 0:
            return Pieces(low=self.breakpoints[0], below=self.intercepts[0])
        if self.slopes == (0.0, 1.0, 0.0) and self.closed == (False, True) and self.intercepts[1] == 0:
            low, high = self.breakpoints
            return Pieces(low, high, self.intercepts[0], self.intercepts[2])
        return None

    @property
    def _rectifies(self) -> bool:
        """Whether this is ReLU."""
        plain = all(isinstance(slope, float) for slope in self.slopes)
        pieces = (self.breakpoints, self.intercepts, self.closed)
        return plain and self.slopes == (0.0, 1.0) and pieces == ((0.0,), (0.0, 0.0), (False,))

    def _piece(self, index: int, exact: Tensor) -> Tensor:
        slope, intercept = self.slopes[index], self.intercepts[index]
        if callable(slope):
            slope = slope(exact)
        # A slope of 0 is multiplied out, too: what is not a number stays so.
        scaled = exact if isinstance(slope, float) and slope == 1 else exact * slope
        return scaled if intercept == 0 else scaled + intercept


_RELU = PiecewiseLinear((0.0,), (0.0, 1.0), (0.0, 0.0), (False,), torch.relu)


def asm(x: Activation, function: PiecewiseLinear, frequencies: Frequencies = 15, inplace: bool = False) -> Activation:
    """Approximated spatial masking of a piecewise-linear function, eqs. (15) to (20).

    The lowest spatial frequencies decide which piece a pixel lies on; the piece is applied to the exact pixel. The
    contraction with the harmonic mixing tensor H is run factored, as J∘(mask)∘J̃. Exact at 15 frequencies.

    Args:
        x: The activation.
        function: The pieces.
        frequencies: 1…15, α+β < frequencies decide; or a tensor, as in `functional.low_pass`.
        inplace: Whether the activation may be written over; without effect while gradients are recorded.

    Returns:
        An activation of the same extent.
    """
    if (at_once := _at_once(x, function, frequencies, inplace, masks=True)) is not None:
        return at_once
    if not isinstance(frequencies, Tensor) and frequencies == 15:
        return map_pixels(x, function.function, inplace=inplace)
    return map_pixels(x, function.by_masks, frequencies=(15, frequencies), inplace=inplace)


def apx(x: Activation, function: PiecewiseLinear, frequencies: Frequencies = 15, inplace: bool = False) -> Activation:
    """Apply a piecewise-linear function to the truncated reconstruction (section 4.2, the paper's baseline APX).

    Args:
        x: The activation.
        function: The pieces.
        frequencies: 1…15, α+β < frequencies are kept, exact at 15; or a tensor, as in `functional.low_pass`.
        inplace: Whether the activation may be written over; without effect while gradients are recorded.

    Returns:
        An activation of the same extent.
    """
    if (at_once := _at_once(x, function, frequencies, inplace, masks=False)) is not None:
        return at_once
    return map_pixels(x, function.function, frequencies=(frequencies,), inplace=inplace)


def between(
    source: Tensor,
    extent: Extent,
    function: PiecewiseLinear,
    frequencies: Frequencies = 15,
    method: Method = "asm",
    *,
    from_pixels: bool,
    to_pixels: bool,
    second: Tensor | None = None,
    inplace: bool = False,
) -> Tensor:
    """Apply a piecewise-linear function on the way between pixels and coefficients: ASM or APX of source + second.

    One pass over memory, reading and writing each number once, where the compiled transforms can run and the function
    is the identity between two constants (ReLU, ReLU6, Hardtanh, Threshold). The result is the same everywhere.

    Args:
        source: (n, c, h, w) pixels or (n, c, 8X, 8Y) coefficients.
        extent: Height and width in pixels.
        function: The pieces.
        frequencies: As in `asm`.
        method: 'asm' or 'apx'.
        from_pixels: Whether the source holds pixels.
        to_pixels: Whether pixels are wanted.
        second: What is added before, in the source's domain and of its shape, or None.
        inplace: Whether the source's memory may be written over; without effect while gradients are recorded.

    Returns:
        (n, c, h, w) pixels or (n, c, 8X, 8Y) coefficients.

    Raises:
        ValueError: If a number of frequencies is outside 1…15.
    """
    check_frequencies(frequencies)
    exact_everywhere = not isinstance(frequencies, Tensor) and frequencies == 15
    pieces = function.constant_outside()
    given = (source,) if second is None else (source, second)
    can = pieces is not None and not isinstance(frequencies, Tensor) and takes(*given)
    if can and not any(map(is_followed, given)) and not (from_pixels and to_pixels and exact_everywhere):
        return launch(
            source,
            extent,
            from_pixels=from_pixels,
            to_pixels=to_pixels,
            frequencies=int(frequencies),
            pieces=pieces,
            deciding=source if method == "asm" and not exact_everywhere else None,
            second=second,
            inplace=inplace,
        )
    if second is not None:
        source = source + second
    if not (from_pixels or to_pixels):
        apply = asm if method == "asm" else apx
        return apply(Activation(source, extent), function, frequencies).coefficients
    exact = source if from_pixels else from_coefficients(source, extent)
    if exact_everywhere:
        result = function.function(exact)
    else:
        coefficients = to_coefficients(source, extent) if from_pixels else source
        # A mask has no gradient.
        with torch.set_grad_enabled(torch.is_grad_enabled() and method == "apx"):
            approximation = from_coefficients(coefficients, extent, frequencies)
        result = function.by_masks(exact, approximation) if method == "asm" else function.function(approximation)
    return result if to_pixels else to_coefficients(result, extent, inplace=result is not source)


def _at_once(
    x: Activation, function: PiecewiseLinear, frequencies: Frequencies, inplace: bool, *, masks: bool
) -> Activation | None:
    """Apply ASM or APX in one pass over memory, where the compiled transforms can."""
    coefficients, extent = x.coefficients, x.extent
    pieces = function.constant_outside()
    if pieces is None or isinstance(frequencies, Tensor) or not (takes(coefficients) or operators.takes(coefficients)):
        return None
    check_frequencies(frequencies)
    if operators.takes(coefficients):
        kept = coefficients if masks else low_pass(coefficients, frequencies)
        return x.replace(operators.masked(kept, kept, *extent, list(pieces), frequencies))
    if is_followed(coefficients):
        kept = coefficients if masks else low_pass(coefficients, frequencies)
        return x.replace(masked(kept, kept, extent, pieces, frequencies))
    result = launch(
        coefficients,
        extent,
        from_pixels=False,
        to_pixels=False,
        frequencies=frequencies,
        pieces=pieces,
        deciding=coefficients if masks and frequencies < 15 else None,
        inplace=inplace,
    )
    return x.replace(result)


def asm_relu(x: Activation, frequencies: int = 15) -> Activation:
    """ReLU by approximated spatial masking, r(x) = nnm(x)·x with nnm(x) = 1 where x > 0, eqs. (18) and (19).

    Args:
        x: The activation.
        frequencies: 1…15.

    Returns:
        An activation of the same extent.
    """
    return asm(x, _RELU, frequencies)


def apx_relu(x: Activation, frequencies: int = 15) -> Activation:
    """ReLU of the truncated reconstruction.

    Args:
        x: The activation.
        frequencies: 1…15.

    Returns:
        An activation of the same extent.
    """
    return apx(x, _RELU, frequencies)


def harmonic_mixing(x: Activation, mask: Tensor) -> Activation:
    """Multiply by a spatial mask, F'_{α'β'} = F^{αβ} H^{αβmn}_{α'β'} G_{mn}, eq. (16).

    The dense H costs 64³ products a block; the contraction is run as J∘(mask)∘J̃, 4·8·64.

    Args:
        x: The activation.
        mask: Broadcasts with (n, c, h, w).

    Returns:
        An activation of the same extent.
    """
    return encode(decode(x) * mask, like=x)


def pointwise(x: Activation, function: Callable[[Tensor], Tensor]) -> Activation:
    """Apply any function of single pixels exactly, J∘f∘J̃.

    Args:
        x: The activation.
        function: (n, c, h, w) → (n, c, h, w), each pixel by itself.

    Returns:
        An activation of the same extent.
    """
    return map_pixels(x, function)
