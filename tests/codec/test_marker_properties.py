"""Unforeseen headers, made by hypothesis."""

import contextlib
import struct

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jpegdomain.codec import JpegImage, read_jpeg
from jpegdomain.errors import JpegFileError

from .encoder import Part, Scan, encode
from .oracle import header_segments, inserted, jpeg, noise, offset_of, segment

repeatable = settings(derandomize=True, deadline=None, max_examples=300, database=None)

FILES = [
    jpeg(noise(24, 40)),
    jpeg(noise(9, 9, 1), restart_marker_blocks=1),
    jpeg(noise(24, 16), progressive=True, subsampling="4:4:4"),
]
KNOWN = sorted({0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xE0, 0xE1, 0xE2,
                0xEE, 0xFE, 0x01, 0xD0, 0xD7})  # fmt: skip
markers = st.sampled_from(KNOWN) | st.integers(0, 255)
# Also wrong lengths.
wild = st.builds(
    lambda marker, payload, lie: bytes(
        [0xFF, marker, *((len(payload) + 2 + lie) % 65536).to_bytes(2, "big"), *payload]
    ),
    markers,
    st.binary(max_size=40),
    st.sampled_from([0, 0, 0, 1, -1, -2, 1000]),
)


def refused_or_read(data):
    for on_error in ("raise", "keep"):
        with contextlib.suppress(JpegFileError):
            assert isinstance(read_jpeg(data, on_error=on_error, max_pixels=100_000), JpegImage)


@repeatable
@given(st.lists(wild, max_size=6), st.binary(max_size=30))
def test_any_segments_are_refused_or_read(segments, tail):
    refused_or_read(b"\xff\xd8" + b"".join(segments) + tail)
    refused_or_read(b"\xff\xd8" + b"".join(segments) + FILES[0][2:])


@repeatable
@given(st.sampled_from(FILES), st.data())
def test_any_payload_in_place_of_a_real_one_is_refused_or_read(file, data):
    found = header_segments(file)
    marker, offset, payload = data.draw(st.sampled_from(found))
    fresh = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        fresh[data.draw(st.integers(0, len(fresh) - 1))] = data.draw(st.integers(0, 255))
    fresh = fresh[: data.draw(st.integers(0, len(fresh)))] if data.draw(st.booleans()) else fresh
    end = offset + 4 + len(payload)
    refused_or_read(file[:offset] + segment(marker, bytes(fresh)) + file[end:])


@repeatable
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.sampled_from([0xE0, 0xE3, 0xEC, 0xEF, 0xFE]), st.binary(max_size=60)), max_size=5),
    st.integers(0, 5),
)
def test_application_segments_comments_and_fill_bytes_change_no_coefficient(file, extras, fill):
    # JFIF's own name would say something.
    extras = [segment(marker, b"x" + payload) for marker, payload in extras]
    for at in {2, offset_of(file, 0xDB), offset_of(file, 0xDA)}:
        image = read_jpeg(inserted(file, *extras, b"\xff" * fill, at=at))
        for one, two in zip(image.components, read_jpeg(file).components, strict=True):
            np.testing.assert_array_equal(one.coefficients, two.coefficients)
            np.testing.assert_array_equal(one.table, two.table)


@repeatable
@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
@example(struct.pack("<HHHIHH", 1, 0x0112, 3, 1, 9, 0), b"II*\0\x08\0\0\0")
def test_any_exif_block_gives_an_orientation_from_1_to_8(block, start):
    image = read_jpeg(inserted(FILES[0], segment(0xE1, b"Exif\0\0" + start + block)))
    assert image.orientation in range(1, 9)
    assert image.exif == start + block


@repeatable
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4),
    st.lists(st.integers(1, 65535), min_size=64, max_size=64),
    st.permutations(range(256)),
)
def test_sizes_factors_tables_and_identifiers_are_those_in_the_header(size, factors, steps, identifiers):
    tall, wide = (max(pair[axis] for pair in factors) for axis in (0, 1))
    own = [(-(-size[0] * v // tall), -(-size[1] * h // wide)) for v, h in factors]
    parts = [
        Part(
            identifier,
            pair,
            np.zeros((-(-size[0] // (8 * tall)) * pair[0], -(-size[1] // (8 * wide)) * pair[1], 64), np.int64),
            (-(-extent[0] // 8), -(-extent[1] // 8)),
            np.array(steps, np.uint16),
            3,
        )
        for identifier, pair, extent in zip(identifiers[: len(factors)], factors, own, strict=True)
    ]
    image = read_jpeg(encode(size, parts, [Scan((index,)) for index in range(len(parts))]))
    assert image.extent == size
    assert [component.extent for component in image.components] == own
    assert [component.factors for component in image.components] == factors
    assert [component.identifier for component in image.components] == list(identifiers[: len(factors)])
    assert all(component.table.tolist() == steps for component in image.components)
    assert not any(component.coefficients.any() for component in image.components)
