"""The records: immutable, picklable, the same from every kind of source."""

import copy
import dataclasses
import io
import pickle

import numpy as np
import pytest

from jpegdomain.codec import Component, read_jpeg
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .oracle import FIXTURES, jpeg, noise

DATA = jpeg(noise(20, 30))


def sources(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(DATA)
    yield path, str(path)
    yield str(path), str(path)
    yield DATA, "<bytes>"
    yield bytearray(DATA), "<bytes>"
    yield memoryview(bytearray(DATA)), "<bytes>"
    yield io.BytesIO(DATA), "<file object>"
    with path.open("rb") as file:
        yield file, str(path)


def test_every_kind_of_source_gives_the_same(tmp_path):
    expected = read_jpeg(DATA)
    for source, name in sources(tmp_path):
        image = read_jpeg(source)
        assert image.source == name
        for one, two in zip(image.components, expected.components, strict=True):
            np.testing.assert_array_equal(one.coefficients, two.coefficients)


@pytest.mark.parametrize("made", [lambda x: x, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_records_cannot_be_changed(made):
    image = made(read_jpeg(DATA))
    component = image.components[1]
    assert component.coefficients.dtype == np.int16
    assert component.coefficients.flags.c_contiguous
    assert component.table.dtype == np.uint16
    with pytest.raises(ValueError, match="read-only"):
        component.coefficients[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        component.table[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.color = "rgb"
    np.testing.assert_array_equal(component.coefficients, read_jpeg(DATA).components[1].coefficients)


def test_records_do_not_change_when_the_bytes_change():
    data = bytearray(DATA)
    image = read_jpeg(data)
    before = image.components[0].coefficients.copy()
    data[:] = bytes(len(data))
    np.testing.assert_array_equal(image.components[0].coefficients, before)


def test_repr_shows_source_size_and_sampling():
    assert repr(read_jpeg(DATA)) == "JpegImage('<bytes>', 20×30, ycbcr 4:2:0)"
    assert repr(read_jpeg(jpeg(noise(20, 30, 1)))) == "JpegImage('<bytes>', 20×30, gray)"
    assert repr(read_jpeg(FIXTURES / "progressive-restart.jpg")).endswith("37×45, ycbcr 4:2:0, progressive)")
    assert repr(read_jpeg(DATA).components[1]) == "Component(2, 10×15 in 2×2 blocks, factors=(1, 1))"


@pytest.mark.parametrize(
    ("coefficients", "table"),
    [
        (np.zeros((1, 2, 64), np.int16), np.ones(64, np.uint16)),
        (np.zeros((2, 1, 64), np.int32), np.ones(64, np.uint16)),
        (np.zeros((64, 1, 2), np.int16).T, np.ones(64, np.uint16)),
        (np.zeros((2, 1, 64), np.int16), np.ones((8, 8), np.uint16)),
        (np.zeros((2, 1, 64), np.int16), np.ones(64)),
    ],
)
def test_components_with_wrong_arrays_are_refused(coefficients, table):
    with pytest.raises(InputError, match=r"coefficients must be|a table must be"):
        Component(1, coefficients, table, (1, 1), Extent(9, 8))
