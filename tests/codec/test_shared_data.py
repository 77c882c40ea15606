"""Every real file that JPEGDOMAIN_DATA holds, coefficient for coefficient what libjpeg reads, and back."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jpegdomain as jd

from . import libjpeg

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif("JPEGDOMAIN_DATA" not in os.environ, reason="JPEGDOMAIN_DATA names no folder"),
]


@pytest.fixture
def folder():
    return Path(os.environ["JPEGDOMAIN_DATA"])


def packed(archive):
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.lower().endswith((".jpg", ".jpeg")):
                yield member.name, tar.extractfile(member).read()


def assert_as_libjpeg(image, data, name):
    coefficients, tables = libjpeg.read(data)
    assert len(image.components) == len(coefficients)
    for component, expected, table in zip(image.components, coefficients, tables, strict=True):
        assert np.array_equal(component.coefficients, expected), name
        assert np.array_equal(component.table, table), name


@pytest.mark.parametrize(("archive", "count"), [("imagenette-160.tar", 10_469), ("cifar10-jpeg.tar.xz", 55_000)])
def test_archives_are_read_as_by_libjpeg(archive, count, folder):
    names, files = zip(*packed(folder / archive), strict=True)
    assert len(files) == count
    for start in range(0, count, 500):
        here = slice(start, start + 500)
        images = jd.read_jpegs(list(files[here]))
        for image, data, name in zip(images, files[here], names[here], strict=True):
            assert_as_libjpeg(image, data, name)


def test_photographs_are_read_as_by_libjpeg_and_written_to_the_same_pixels(folder):
    paths = sorted(folder.glob("imagenet-samples/*.JPEG"))
    assert len(paths) == 62
    for path in paths:
        data = path.read_bytes()
        image = jd.read_jpeg(path)
        assert_as_libjpeg(image, data, path)
        written = jd.write_jpeg(image)
        assert_as_libjpeg(image, written, path)
        with Image.open(io.BytesIO(data)) as one, Image.open(io.BytesIO(written)) as two:
            assert one.mode == two.mode
            assert np.array_equal(np.asarray(one), np.asarray(two)), path
            assert one.getexif().get(0x0112, 1) == two.getexif().get(0x0112, 1)
            assert one.info.get("icc_profile") == two.info.get("icc_profile")
