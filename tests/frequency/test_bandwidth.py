"""The written file keeps what is selected and nothing else, and its bytes are counted correctly."""

import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from jpegdomain.errors import InputError, UnsupportedJpegError
from jpegdomain.frequency import Bandwidth, ChannelSet, all_channels, bandwidth, published, selected
from jpegdomain.frequency.bandwidth import scan_bytes

from ..codec import libjpeg
from ..codec.oracle import FIXTURES, header_segments, jpeg, noise

COLOURED = [
    path
    for path in sorted({*FIXTURES.rglob("*.jpg")} - {*FIXTURES.glob("refused/*")})
    if jd.read_jpeg(path).color in {"gray", "ycbcr"}
]
# (vertical, horizontal) frequencies of Y, Cb and Cr; no transposed set is the same.
KEPT = ({(0, 0), (0, 1), (0, 5), (2, 1), (7, 3)}, {(0, 0), (0, 2)}, {(3, 0)})
UNEVEN = ChannelSet((0, 1, 5, 17, 59), (0, 2), (24,))


def naive_scan_bytes(data):
    """Count byte by byte: a scan goes on to a marker that is not a restart marker; fill bytes may come before it."""
    at, inside, count = 2, False, 0
    while at < len(data):
        behind = at
        while behind < len(data) and data[behind] == 0xFF:
            behind += 1
        following = data[behind] if behind < len(data) else 0xD9
        if inside and (behind == at or following == 0 or 0xD0 <= following <= 0xD7):
            count += 1
            at += 1
        elif following == 0xD9:
            return count
        else:
            inside = following == 0xDA
            at = behind + 1 + int.from_bytes(data[behind + 1 : behind + 3], "big")
    return count


def written_scan_bytes(data):
    """Return the scan bytes of a file with one scan and nothing after it."""
    _, at, payload = header_segments(data)[-1]
    return len(data) - 2 - (at + 4 + len(payload))


def gray(data):
    with Image.open(io.BytesIO(data)) as image:
        buffer = io.BytesIO()
        image.convert("L").save(buffer, "JPEG")
    return buffer.getvalue()


def test_there_are_files_of_many_kinds():
    images = [jd.read_jpeg(path) for path in COLOURED]
    assert len(images) > 20
    assert len({image.sampling for image in images}) >= 5
    assert {image.progressive for image in images} == {True, False}


@pytest.mark.parametrize("path", COLOURED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_libjpeg_reads_what_is_kept_and_zeros(path):
    image = jd.read_jpeg(path)
    written = libjpeg.read(jd.write_jpeg(selected(image, UNEVEN))).coefficients
    for kept, part, read in zip(KEPT, image.components, written, strict=False):
        expected = np.zeros((*part.coefficients.shape[:2], 8, 8), np.int16)
        for row, column in kept:
            expected[:, :, row, column] = part.coefficients[:, :, 8 * row + column]
        np.testing.assert_array_equal(read.reshape(expected.shape), expected)


@pytest.mark.parametrize("path", COLOURED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_scan_bytes_are_those_counted_byte_by_byte(path):
    data = path.read_bytes()
    assert scan_bytes(data) == naive_scan_bytes(data) > 0
    found = bandwidth(data, published("24S"))
    image = jd.read_jpeg(data)
    whole = jd.write_jpeg(image)
    assert found.all_scan == naive_scan_bytes(whole)
    assert found.all_file == len(whole)
    less = jd.write_jpeg(selected(image, published("24S")))
    assert (found.scan, found.file) == (naive_scan_bytes(less), len(less))
    assert (found.original_scan, found.original_file) == (scan_bytes(data), len(data))
    assert found.scan <= found.all_scan


def test_the_header_and_the_end_are_not_counted():
    data = jpeg(noise(40, 56), subsampling="4:2:0", quality=90)
    found = bandwidth(data, published("6S"))
    less = jd.write_jpeg(selected(jd.read_jpeg(data), published("6S")))
    assert found.scan == written_scan_bytes(less)
    assert found.original_scan == written_scan_bytes(data)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_all_channels_take_what_libjpeg_takes_with_optimal_tables(subsampling):
    # Whole MCUs: there are no blocks that only fill the last ones.
    data = jpeg(noise(64, 96), subsampling=subsampling, quality=80, optimize=True)
    found = bandwidth(data, all_channels())
    assert found.scan == found.all_scan == found.original_scan
    assert (found.scan_share, found.original_share, found.channel_share) == (1, 1, 1)


def test_restarts_and_scans_of_progressive_files_count():
    pixels = noise(64, 96)
    assert scan_bytes(jpeg(pixels, restart_marker_blocks=1)) > scan_bytes(jpeg(pixels))
    progressive = jpeg(pixels, progressive=True)
    assert scan_bytes(progressive) == naive_scan_bytes(progressive)
    assert len(header_segments(progressive)) > 0
    assert scan_bytes(progressive) > written_scan_bytes(progressive) // 2


def test_fill_bytes_and_what_follows_the_end_do_not_count():
    data = jpeg(noise(16, 16))
    assert scan_bytes(data[:-2] + b"\xff\xff\xff\xd9" + data) == scan_bytes(data)
    assert scan_bytes(data[:-2]) == scan_bytes(data)


def test_fewer_channels_take_fewer_bytes():
    data = jpeg(noise(64, 96), quality=90)
    shares = [bandwidth(data, published(name)).scan_share for name in ("6S", "24S", "48S", "64S", "DCT-192")]
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1


def test_the_decisions_of_a_gate_are_a_selection_and_may_keep_nothing():
    data = jpeg(noise(32, 48))
    keep = published("24D").mask(torch.float32).flatten()
    assert bandwidth(data, keep) == bandwidth(data, published("24D"))
    nothing = bandwidth(data, torch.zeros(192))
    assert nothing.channels == 0
    assert not any(part.coefficients.any() for part in selected(jd.read_jpeg(data), torch.zeros(192)).components)
    # Two bits per block: 24 blocks of luma and 12 of chroma make 9 bytes.
    assert nothing.scan == 9


def test_a_gray_file_has_64_channels():
    found = bandwidth(gray(jpeg(noise(32, 48))), published("24S"))
    assert (found.channels, found.all_channels) == (16, 64)
    assert found.channel_share == 0.25


def test_a_record_has_no_original_and_is_left_as_it_was():
    image = jd.read_jpeg(jpeg(noise(32, 48)))
    before = [part.coefficients.copy() for part in image.components]
    found = bandwidth(image, ChannelSet((0,)))
    assert (found.original_scan, found.original_file, found.original_share) == (None, None, None)
    for part, coefficients in zip(image.components, before, strict=True):
        np.testing.assert_array_equal(part.coefficients, coefficients)


def test_totals_add_up_and_print(tmp_path):
    files = [jpeg(noise(32, 48, seed=seed)) for seed in range(3)]
    parts = [bandwidth(data, published(name)) for data, name in zip(files, ("6S", "24S", "48S"), strict=True)]
    total = Bandwidth.total(parts)
    assert (total.images, total.channels, total.all_channels) == (3, 78, 576)
    assert total.scan == sum(part.scan for part in parts)
    assert total.scan_share == total.scan / sum(part.all_scan for part in parts)
    assert total.original_file == sum(map(len, files))
    assert str(total).startswith("3 images: 26 channels per image (13.5%), ")
    assert str(total).endswith("of the original's)")
    assert json.loads(json.dumps(total.to_dict()))["channel_share"] == 78 / 576
    mixed = Bandwidth.total([*parts, dataclasses.replace(parts[0], original_scan=None)])
    assert (mixed.original_scan, mixed.images) == (None, 4)
    assert str(parts[0]).startswith("1 image: 6 channels per image (3.1%), ")
    with pytest.raises(InputError, match="at least one image, got none"):
        Bandwidth.total([])


def test_wrong_input_is_named(tmp_path):
    data = jpeg(noise(16, 16))
    with pytest.raises(InputError, match=r"ChannelSet, or a gate's keep for one image, \(192,\), got \(2, 192\)"):
        bandwidth(data, torch.ones(2, 192))
    with pytest.raises(InputError, match="got list"):
        bandwidth(data, [0, 1])
    with pytest.raises(InputError, match="read with keep=4: read it with all frequencies"):
        bandwidth(jd.read_jpeg(data, keep=4), published("6S"))
    path = tmp_path / "coloured.jpg"
    path.write_bytes(jpeg(noise(16, 16), keep_rgb=True))
    with pytest.raises(UnsupportedJpegError, match=r"coloured.jpg: channels are .* a rgb file does not have"):
        bandwidth(path, published("6S"))
