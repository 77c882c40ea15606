"""Thousands of made files, coefficient for coefficient what libjpeg reads."""

import collections

import numpy as np
import pytest

import jpegdomain as jd

from . import libjpeg
from .made import made

QUICK = range(300)
ALL = range(300, 3000)


def check(number):
    file = made(number)
    image = jd.read_jpeg(file.data)
    coefficients, tables = libjpeg.read(file.twin)
    assert len(image.components) == len(coefficients)
    for component, expected, table in zip(image.components, coefficients, tables, strict=True):
        np.testing.assert_array_equal(component.coefficients, expected, err_msg=str(number))
        np.testing.assert_array_equal(component.table, table, err_msg=str(number))
    if file.coefficients is not None:
        # The encoder's own input is a second opinion, on libjpeg as much as on us.
        for component, expected, table in zip(image.components, file.coefficients, file.tables, strict=True):
            np.testing.assert_array_equal(component.coefficients, expected, err_msg=str(number))
            np.testing.assert_array_equal(component.table, table, err_msg=str(number))
    keep = 1 + number % 7
    part = jd.read_jpeg(file.data, keep=keep)
    for component, expected in zip(part.components, coefficients, strict=True):
        corner = expected.reshape(*expected.shape[:2], 8, 8)[:, :, :keep, :keep]
        np.testing.assert_array_equal(component.coefficients, corner.reshape(*expected.shape[:2], -1))
    again = jd.read_jpeg(jd.write_jpeg(image))
    for component, expected in zip(again.components, coefficients, strict=True):
        np.testing.assert_array_equal(component.coefficients, expected, err_msg=str(number))
    return image, file.data


def test_made_files_are_read_as_by_libjpeg():
    for number in QUICK:
        check(number)


@pytest.mark.slow
def test_all_made_files_are_read_as_by_libjpeg():
    seen = collections.Counter[str]()
    for number in ALL:
        image, data = check(number)
        seen.update([image.color, "progressive" if image.progressive else "sequential", image.sampling])
        seen["restarts"] += b"\xff\xdd\0\4" in data
        seen["16-bit tables"] += any(component.table.max() > 255 for component in image.components)
        seen["scans"] += not image.progressive and data.count(b"\xff\xda") > 1
        seen["height later"] += b"\xff\xdc\0\4" in data
    usual = ["4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1", "4:1:0", "gray"]
    kinds = ["ycbcr", "rgb", "cmyk", "unknown", "progressive", "sequential", "restarts", "16-bit tables", "scans"]
    assert all(seen[kind] >= 20 for kind in [*usual, *kinds, "height later"]), seen
    assert len(seen) > 100
