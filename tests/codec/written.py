"""What tests of the writer share: a record made by hand, and checks of a written file."""

import dataclasses
import io

import numpy as np
from PIL import Image

from jpegdomain.codec import Component, JpegImage
from jpegdomain.geometry import Extent

from . import libjpeg


def assert_same_record(one, two):
    assert (one.extent, one.color, one.orientation, one.icc) == (two.extent, two.color, two.orientation, two.icc)
    assert one.exif == two.exif
    assert len(one.components) == len(two.components)
    for a, b in zip(one.components, two.components, strict=True):
        assert (a.identifier, a.factors, a.extent) == (b.identifier, b.factors, b.extent)
        np.testing.assert_array_equal(a.coefficients, b.coefficients)
        np.testing.assert_array_equal(a.table, b.table)


def assert_libjpeg_reads(data, image):
    read = libjpeg.read(data)
    assert len(read.coefficients) == len(image.components)
    for coefficients, table, component in zip(read.coefficients, read.tables, image.components, strict=True):
        np.testing.assert_array_equal(coefficients, component.coefficients)
        np.testing.assert_array_equal(table, component.table)


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, np.asarray(image)


def assert_same_pixels(one, two):
    (mode, first), (other, second) = pixels(one), pixels(two)
    assert mode == other
    np.testing.assert_array_equal(first, second)


def gray(coefficients, table=None, **changes):
    """A record made by hand of one gray component."""
    rows, columns, _ = coefficients.shape
    extent = Extent(8 * rows, 8 * columns)
    table = np.ones(64, np.uint16) if table is None else table
    component = Component(1, np.ascontiguousarray(coefficients, np.int16), table, (1, 1), extent)
    image = JpegImage((component,), extent, "gray", 1, False, "made")
    return dataclasses.replace(image, **changes)
