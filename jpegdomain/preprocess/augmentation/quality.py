"""Change quantisation tables: what saving a file again at another quality does to its coefficients."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jpegdomain.codec import Component, JpegImage
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .labels import EXACT, labelled

__all__ = ["requantize", "table"]


def table(values: ArrayLike) -> NDArray[np.int64]:
    """A quantisation table as (64,), row-major; raises `InputError` unless it has 64 whole numbers in 1…65535."""
    given = np.asarray(values)
    if given.size != BLOCK**2 or not np.issubdtype(given.dtype, np.integer) or given.min() < 1 or given.max() > 65535:
        raise InputError("a quantisation table must be 8×8 or 64 whole numbers in 1…65535, row-major (not zigzag)")
    return given.reshape(-1).astype(np.int64)


@labelled(EXACT)
def requantize(image: JpegImage, luma: ArrayLike, chroma: ArrayLike | None = None) -> JpegImage:
    """Quantise the coefficients again, with other tables: c' = round(c·q/q'), for every frequency, without decoding.

    This is what decoding, and encoding with these tables, do to a file, without rounding to whole levels, clamping, or
    conversions of colour and sampling. Ties are rounded away from zero, as in libjpeg; values that do not fit into 16
    bits are clamped.

    Args:
        image: A record.
        luma: (8, 8) or (64,) steps of Y, or of all components of other colour models, row-major.
        chroma: The steps of Cb and Cr; `luma` if None.

    Returns:
        A record with these tables, for `collate` or `write_jpeg`.

    Raises:
        InputError: If a table does not have 64 whole numbers in 1…65535.
    """
    tables = table(luma), table(luma if chroma is None else chroma)
    colored = image.color in {"ycbcr", "ycck"}
    parts = (_requantized(part, tables[colored and number in {1, 2}]) for number, part in enumerate(image.components))
    return replace(image, components=tuple(parts))


def _requantized(component: Component, steps: NDArray[np.int64]) -> Component:
    keep = component.keep
    old, new = (
        np.ascontiguousarray(one.reshape(BLOCK, BLOCK)[:keep, :keep]).reshape(-1).astype(np.int64)
        for one in (component.table, steps)
    )
    given = component.coefficients.reshape(-1)
    # Most are zero, and stay so.
    places = np.flatnonzero(given)
    frequencies = places % len(old)
    levels, divisors = given[places] * old[frequencies], new[frequencies]
    rounded = np.sign(levels) * ((2 * np.abs(levels) + divisors) // (2 * divisors))
    limits = np.iinfo(np.int16)
    quantised = np.zeros_like(given)
    quantised[places] = np.clip(rounded, limits.min, limits.max)
    coefficients = quantised.reshape(component.coefficients.shape)
    return replace(component, coefficients=coefficients, table=steps.astype(np.uint16))
