"""Written files: libjpeg and Pillow read the same as from the original; what no file can contain is refused."""

import dataclasses
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jpegdomain as jd
from jpegdomain.codec import Component, JpegImage
from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .made import made
from .oracle import FIXTURES, header_segments, jpeg, noise
from .written import assert_libjpeg_reads, assert_same_pixels, assert_same_record, gray, pixels

READABLE = sorted({*FIXTURES.rglob("*.jpg")} - {*FIXTURES.glob("refused/*")})


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_fixtures_are_read_back_unchanged(path):
    data = path.read_bytes()
    image = jd.read_jpeg(data)
    written = jd.write_jpeg(image)
    assert_same_record(jd.read_jpeg(written), image)
    assert_libjpeg_reads(written, image)


@pytest.mark.parametrize("number", range(60))
def test_made_files_are_read_back_unchanged(number):
    image = jd.read_jpeg(made(number).data)
    written = jd.write_jpeg(image)
    assert_same_record(jd.read_jpeg(written), image)
    assert_libjpeg_reads(written, image)


@pytest.mark.parametrize("size", [(1, 1), (8, 33), (45, 77)])
@pytest.mark.parametrize("coding", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize(
    "sampling",
    [{"subsampling": "4:4:4"}, {"subsampling": "4:2:2"}, {"subsampling": "4:2:0"}, {"keep_rgb": True}],
    ids=str,
)
def test_pillow_decodes_the_written_file_to_the_same_pixels(size, coding, sampling):
    data = jpeg(noise(*size), **coding, **sampling)
    assert_same_pixels(jd.write_jpeg(jd.read_jpeg(data)), data)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_pillow_decodes_one_and_four_components_to_the_same_pixels(mode):
    buffer = io.BytesIO()
    Image.fromarray(noise(20, 50, 4), "RGBA").convert("RGB").convert(mode).save(buffer, "JPEG")
    assert_same_pixels(jd.write_jpeg(jd.read_jpeg(buffer.getvalue())), buffer.getvalue())


def test_16_bit_steps_make_an_extended_file_and_8_bit_steps_a_baseline_one():
    blocks = np.zeros((1, 1, 64), np.int16)
    for step, marker in [(255, 0xC0), (256, 0xC1), (65535, 0xC1)]:
        table = np.full(64, step, np.uint16)
        image = gray(blocks, table)
        written = jd.write_jpeg(image)
        assert marker in [found for found, _, _ in header_segments(written)]
        assert_libjpeg_reads(written, image)


def test_components_get_their_own_scans_if_an_mcu_would_exceed_ten_blocks():
    components = [
        Component(index, np.full((2, 2, 64), index, np.int16), np.ones(64, np.uint16), (2, 2), Extent(16, 16))
        for index in (1, 2, 3)
    ]
    image = JpegImage(tuple(components), Extent(16, 16), "ycbcr", 1, False, "made")
    written = jd.write_jpeg(image)
    assert len(re.findall(b"\xff\xda", written)) == 3
    assert_libjpeg_reads(written, image)
    assert pixels(written)[1].shape == (16, 16, 3)


def test_a_crop_of_whole_blocks_is_a_crop_of_the_pixels():
    data = jpeg(noise(64, 80, 1), quality=90)
    image = jd.read_jpeg(data)
    (component,) = image.components
    extent = Extent(32, 40)
    part = dataclasses.replace(
        component, coefficients=np.ascontiguousarray(component.coefficients[2:6, 3:8]), extent=extent
    )
    written = jd.write_jpeg(dataclasses.replace(image, components=(part,), extent=extent))
    np.testing.assert_array_equal(pixels(written)[1], pixels(data)[1][16:48, 24:64])


def test_a_path_gets_the_bytes(tmp_path):
    image = jd.read_jpeg(jpeg(noise(20, 20)))
    path = tmp_path / "a.jpg"
    path.write_bytes(b"old")
    link = tmp_path / "link.jpg"
    link.symlink_to(path)
    assert jd.write_jpeg(image, str(link)) == path.read_bytes()
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "link.jpg"]  # noqa: PTH208
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_that_cannot_be_moved_into_place_leaves_nothing(tmp_path):
    image = jd.read_jpeg(jpeg(noise(20, 20)))
    with pytest.raises(FileNotFoundError):
        jd.write_jpeg(image, tmp_path / "no folder" / "a.jpg")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        jd.write_jpeg(image, tmp_path / "folder")
    assert list((tmp_path).iterdir()) == [tmp_path / "folder"]


def test_a_failed_replacement_leaves_only_the_old_file(tmp_path, monkeypatch):
    def refuse(self, target):
        raise PermissionError("no")

    path = tmp_path / "a.jpg"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        jd.write_jpeg(jd.read_jpeg(jpeg(noise(20, 20))), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_device_is_written_to_and_stays_a_device():
    jd.write_jpeg(jd.read_jpeg(jpeg(noise(20, 20))), os.devnull)
    assert not os.path.isfile(os.devnull)  # noqa: PTH113


def changed(image, index=0, **changes):
    parts = list(image.components)
    parts[index] = dataclasses.replace(parts[index], **changes)
    return dataclasses.replace(image, components=tuple(parts))


def values(index, value):
    blocks = np.zeros((2, 3, 64), np.int16)
    blocks[1, 1, index] = value
    return gray(blocks)


COLOUR = jpeg(noise(24, 16), subsampling="4:2:0")

REFUSALS = [
    ("AC goes up to ±1023", lambda: values(5, 1024)),
    ("AC goes up to ±1023", lambda: values(63, -1024)),
    ("AC goes up to ±1023", lambda: values(63, -32768)),
    ("at most ±2047", lambda: values(0, 2048)),
    ("at most ±2047", lambda: values(0, -32768)),
    ("read it without keep", lambda: jd.read_jpeg(COLOUR, keep=4)),
    ("a step of 0", lambda: gray(np.zeros((1, 1, 64)), np.zeros(64, np.uint16))),
    ("identifiers", lambda: changed(jd.read_jpeg(COLOUR), identifier=2)),
    ("identifiers", lambda: changed(jd.read_jpeg(COLOUR), identifier=256)),
    ("sampling factors", lambda: changed(jd.read_jpeg(COLOUR), factors=(5, 1))),
    ("sampling factors", lambda: changed(jd.read_jpeg(COLOUR), factors=(0, 1))),
    ("component 2 must be 24×16 by its factors, not 12×8", lambda: changed(jd.read_jpeg(COLOUR), factors=(1, 1))),
    ("must be 1×16 by its factors, not 24×16", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), extent=Extent(1, 16))),
    ("not 0×16", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), extent=Extent(0, 16))),
    ("65535", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), extent=Extent(24, 65536))),
    ("gray needs 1 component", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), color="gray")),
    (
        "icc can have at most 16707345 bytes",
        lambda: dataclasses.replace(jd.read_jpeg(COLOUR), icc=bytes(16_707_346)),
    ),
    ("orientation", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), orientation=9)),
    ("the orientation must be 1…8, not 2.0", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), orientation=2.0)),
    ("color must be one of gray", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), color="grey")),
    ("one byte, 0…255, not 300", lambda: dataclasses.replace(jd.read_jpeg(COLOUR), adobe=300)),
]


@pytest.mark.parametrize(("words", "make"), REFUSALS)
def test_what_no_file_can_contain_is_refused(words, make, tmp_path):
    image = make()
    with pytest.raises(InputError, match=re.escape(words)):
        jd.write_jpeg(image, tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("index", "value"), [(0, 2047), (0, -2047), (63, 1023), (1, -1023)])
def test_the_largest_valid_values_are_written(index, value):
    image = values(index, value)
    assert_libjpeg_reads(jd.write_jpeg(image), image)


def test_a_private_file_stays_private(tmp_path):
    path = tmp_path / "private.jpg"
    path.write_bytes(READABLE[0].read_bytes())
    path.chmod(0o600)
    jd.write_jpeg(jd.read_jpeg(path), path)
    assert path.stat().st_mode & 0o777 == 0o600
