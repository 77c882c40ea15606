"""Valid files that no camera writes: each against libjpeg, or against a file of the same picture that libjpeg reads."""

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg
from jpegdomain.errors import UnsupportedJpegError

from . import libjpeg
from .oracle import FIXTURES, decoded, pillow

# libjpeg reads no DNL, and reports the tables at a file's end, not those that a component keeps.
TWINS = {"arithmetic-dnl": "plain", "dnl": "plain", "dnl-restarts": "restarts", "redefined-quantisation": "plain"}
NAMES = sorted(path.stem for path in (FIXTURES / "rare").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_rare_files_are_read_as_by_libjpeg(name):
    image = read_jpeg(FIXTURES / "rare" / f"{name}.jpg")
    twin = (FIXTURES / "rare" / f"{TWINS.get(name, name)}.jpg").read_bytes()
    coefficients, tables = libjpeg.read(twin)
    assert len(image.components) == len(coefficients)
    for component, expected, table in zip(image.components, coefficients, tables, strict=True):
        np.testing.assert_array_equal(component.coefficients, expected)
        np.testing.assert_array_equal(component.table, table)
    assert image.extent == (37, 45)


@pytest.mark.parametrize("name", ["plain", "dnl", "redefined-quantisation", "redefined-huffman", "restarts-of-rows"])
def test_redefined_tables_and_later_heights_give_the_pixels_that_pillow_decodes(name):
    readable = (FIXTURES / "rare" / f"{TWINS['dnl'] if name == 'dnl' else name}.jpg").read_bytes()
    image = read_jpeg(FIXTURES / "rare" / f"{name}.jpg")
    # Pillow's own reading of the redefined tables, not of the twin's.
    assert np.abs(np.round(decoded(image)) - pillow(readable, "YCbCr")).max() <= 2


@pytest.mark.parametrize(
    ("name", "color", "factors"),
    [
        ("cmyk", "cmyk", [(1, 1)] * 4),
        ("ycck", "ycck", [(2, 2), (1, 1), (1, 1), (2, 2)]),
        ("ycck-interleaved", "ycck", [(2, 2), (1, 1), (1, 1), (2, 2)]),
        ("fractional", "ycbcr", [(1, 3), (1, 2), (2, 1)]),
        ("fractional-interleaved", "ycbcr", [(1, 3), (1, 2), (2, 1)]),
    ],
)
def test_four_components_and_odd_factors_are_reported(name, color, factors):
    image = read_jpeg(FIXTURES / "rare" / f"{name}.jpg")
    assert image.color == color
    assert [component.factors for component in image.components] == factors


@pytest.mark.parametrize(
    ("name", "reason"),
    [("arithmetic-lossless", "arithmetic-coded lossless"), ("lossless", "lossless"), ("twelve-bit", "12-bit")],
)
def test_unsupported_kinds_are_named(name, reason):
    with pytest.raises(UnsupportedJpegError, match=reason):
        read_jpeg(FIXTURES / "refused" / f"{name}.jpg")
