"""The orientation, and blocks and profiles in several segments, compared with what Pillow says about the same file."""

import contextlib
import io
import itertools
import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from jpegdomain.codec import read_header, read_jpeg, read_jpegs
from jpegdomain.codec.metadata import metadata_of

from .exif import entry, reads_as_pillow_13, tiff
from .oracle import inserted, jpeg, noise, offset_of, segment

PLAIN = jpeg(noise(16, 24))
BARE = Image.open(io.BytesIO(PLAIN)).convert("RGB")
# Each orientation's picture, by the names that Pillow's documentation gives the turns.
TURNED = {1: np.asarray(BARE)} | {
    number: np.asarray(BARE.transpose(getattr(Image.Transpose, name)))
    for number, name in {
        2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
        6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
    }.items()
}  # fmt: skip


def pillows(data):
    """Return the orientation that Pillow reads and applies; None if it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as opened:
            try:
                value = opened.getexif().get(0x0112, 1)
            except (SyntaxError, struct.error):
                return None
            # What Pillow treats as one of the numbers, whatever its type.
            expected = {number: number for number in TURNED}.get(value, 1)
            # Writing unusual tags again, as Pillow does after turning, may fail.
            with contextlib.suppress(struct.error):
                np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(opened)), TURNED[expected])
    return expected


def exif(*blocks):
    return inserted(PLAIN, *[segment(0xE1, b"Exif\0\0" + block) for block in blocks])


def assert_as_pillow(data):
    theirs = pillows(data)
    assert read_jpeg(data).orientation == read_header(data).orientation == (1 if theirs is None else theirs)
    return theirs


def values(order, kind, number):
    """One value of a type as bytes."""
    form = {
        1: "B",
        2: "B",
        3: "H",
        4: "I",
        5: "II",
        6: "b",
        7: "B",
        8: "h",
        9: "i",
        10: "ii",
        11: "f",
        12: "d",
        13: "I",
    }
    packed = form.get(kind, "Q")
    return struct.pack(order + packed, *([number * 3, 3] if len(packed) == 2 else [number]))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [*range(20), 255])
def test_types_and_counts(kind, count, order):
    for number in range(10):
        value = (
            values(order, kind, number) + values(order, kind, 3) * (count - 1) if count else values(order, kind, number)
        )
        own = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", 26)
        block = tiff(order, entry(order, kind, count, own), tail=value + bytes(20))
        assert_as_pillow(exif(block))
    assert kind not in {3, 4, 5, 9, 12} or not count or assert_as_pillow(exif(block)) == 1


def test_the_table_has_turns_of_every_type_that_is_a_number():
    turning = set()
    for kind in range(20):
        value = values("<", kind, 6)
        own = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", 26)
        if read_jpeg(exif(tiff("<", entry("<", kind, 1, own), tail=value))).orientation == 6:
            turning.add(kind)
    assert turning == {3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16}


@pytest.mark.parametrize(
    "head",
    [b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"MM\0+", b"II+\0", b"XX*\0", b"IM*\0", b"ii*\0", b"", b"Exif\0\0II*\0"],
)
def test_tiff_headers_are_read_as_by_pillow(head):
    for order in "<>":
        for start in (8, 9, 20, 0, 60000):
            block = tiff(
                order, entry(order, 3, 1, values(order, 3, 6) + b"\0\0"), head=head or b"\0\0\0\0", start=start
            )
            assert_as_pillow(exif(block))
    assert head not in {b"II*\0", b"II\0*"} or read_jpeg(exif(tiff("<", SIX, head=head))).orientation == 6


SIX, THREE, OTHER = entry("<", 3, 1, 6), entry("<", 3, 1, 3), entry("<", 3, 1, 5, tag=0x0100)
FIVES = struct.pack("<20H", *[5] * 20)


def text(tag, size):
    """An entry of a text at the block's beginning."""
    return entry("<", 2, size, 0, tag=tag)


LONG_TEXT = entry("<", 2, 9, 62, tag=0x010F)


@reads_as_pillow_13
@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([tiff("<", SIX, THREE)], 6),
        ([tiff("<", entry("<", 99, 1, 5), THREE)], 3),
        ([tiff("<", entry("<", 3, 0, 5), THREE)], 3),
        ([tiff("<", entry("<", 1, 1, 5), THREE)], 1),
        ([tiff("<", OTHER, SIX, count=9)], 6),
        ([tiff("<", OTHER, SIX, count=1)], 1),
        ([tiff("<", OTHER, SIX)[:-5]], 1),
        ([tiff("<", OTHER, SIX, following=b"")], 6),
        # A text after the end of the block, before and after the tag; one inside; one longer than the block.
        ([tiff("<", LONG_TEXT, SIX)], 1),
        ([tiff("<", SIX, LONG_TEXT)], 6),
        ([tiff("<", LONG_TEXT, SIX, tail=bytes(60))], 6),
        ([tiff("<", entry("<", 2, 5000, 62, tag=0x010F), SIX, tail=bytes(60))], 6),
        # Texts inside, but together with the values longer than the block; a repeated one counts once.
        ([tiff("<", text(0x010F, 60), text(0x0110, 60), entry("<", 3, 3, 8), tail=bytes(30))], 1),
        ([tiff("<", text(0x010F, 60), text(0x010F, 60), entry("<", 3, 3, 50, tag=0x0112), tail=FIVES)], 5),
        # The second directory is the thumbnail's.
        ([tiff("<", OTHER, following=struct.pack("<I", 26), tail=struct.pack("<H", 1) + SIX + bytes(4))], 1),
        ([tiff("<", THREE, following=struct.pack("<I", 26), tail=struct.pack("<H", 1) + SIX + bytes(4))], 3),
        # Several segments are one block.
        ([tiff("<", SIX)[:15], tiff("<", SIX)[15:]], 6),
        ([b"", tiff("<", SIX)], 6),
        ([tiff("<", SIX), tiff("<", THREE)], 6),
        ([tiff("<", OTHER), tiff("<", THREE)], 1),
        ([b"Exif\0\0" + tiff("<", SIX)], 6),
        ([b"", b"Exif\0\0", tiff("<", SIX)], 6),
    ],
)
def test_unusual_exif_blocks_are_read_as_by_pillow(blocks, expected):
    assert assert_as_pillow(exif(*blocks)) == expected


XMP = b"http://ns.adobe.com/xap/1.0/\0"


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([XMP + b'<rdf tiff:Orientation="6"/>'], 6),
        ([XMP + b"<tiff:Orientation>8</tiff:Orientation>"], 8),
        ([XMP + b"<tiff:Orientation>9</tiff:Orientation>"], 1),
        ([XMP + b'tiff:Orientation="6"', XMP + b"nothing"], 1),
        ([XMP + b'tiff:Orientation="6"', XMP + b'tiff:Orientation="3" tiff:Orientation="4"'], 3),
        ([XMP + b'tiff:Orientation="6"', b"Exif\0\0" + tiff("<", THREE)], 3),
        ([XMP + b'tiff:Orientation="6"', b"Exif\0\0" + tiff("<", OTHER)], 6),
        ([XMP + b'tiff:Orientation="6"', b"Exif\0\0" + tiff("<", entry("<", 1, 1, 3))], 1),
        ([b'tiff:Orientation="6"'], 1),
    ],
)
def test_xmp_gives_the_orientation_if_exif_does_not(pieces, expected):
    data = inserted(PLAIN, *[segment(0xE1, piece) for piece in pieces])
    assert assert_as_pillow(data) == expected
    assert read_jpegs([PLAIN, data])[1].orientation == expected
    late = inserted(PLAIN, *[segment(0xE1, piece) for piece in pieces], at=offset_of(PLAIN, 0xDA))
    assert assert_as_pillow(late) == expected


numbers = st.sampled_from([0, 1, 3, 6, 8, 9, 26, 60, 0xFFFF, 0x10006, 0xFFFFFFFF])


@reads_as_pillow_13
@settings(derandomize=True, deadline=None, max_examples=400, database=None)
@given(st.data())
def test_any_directory(data):
    order = data.draw(st.sampled_from("<>"))
    tags = st.sampled_from([0x0112, 0x0112, 0x010F, 0x0100])
    kinds = st.sampled_from([*range(1, 14), 16, 99])
    entries = st.builds(entry, st.just(order), kinds, st.sampled_from([0, 1, 1, 1, 2, 4, 9, 70]), numbers, tag=tags)
    block = tiff(order, *data.draw(st.lists(entries, max_size=4)), tail=data.draw(st.binary(max_size=40)))
    cut = data.draw(st.sampled_from([len(block), len(block), 20, 30]))
    assert_as_pillow(exif(block[:cut]))


def chunk(*head, content=b""):
    return segment(0xE2, b"ICC_PROFILE\0" + bytes(head) + content)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([chunk(1, 1)], b""),
        ([chunk(1, 2, content=b"a"), chunk(2, 2, content=b"b")], b"ab"),
        ([chunk(2, 2, content=b"b"), chunk(1, 2, content=b"a")], b"ab"),
        ([chunk(1, 2, content=b"a")], None),
        ([chunk(2, 2, content=b"b"), chunk(2, 2, content=b"a")], b"ab"),
        ([chunk(0, 1, content=b"a")], b"a"),
        ([chunk(1, 1, content=b"a"), chunk(1, 1, content=b"a")], None),
        ([chunk(1, 3, content=b"a"), chunk(2, 2, content=b"b"), chunk(3, 1, content=b"c")], b"abc"),
        ([chunk(3, 3, content=b"a"), chunk(2, 2, content=b"b")], b"ba"),
    ],
)
def test_chunks_of_a_profile_are_joined_as_pillow_joins_them(pieces, expected):
    data = inserted(PLAIN, *pieces)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info["icc_profile"] == expected
    assert read_jpeg(data).icc == expected


@pytest.mark.parametrize(
    "junk", [b"\0", b"junk", b"\xff\0", b"\xff\xd1\xff", b"\xff\xfe\0\0", b"\xff\xe5\0\1", b"\xff\x01"]
)
def test_bytes_between_segments_hide_no_metadata(junk):
    segments = [segment(0xE1, b"Exif\0\0" + tiff("<", SIX)), chunk(1, 2, content=b"a"), chunk(2, 2, content=b"b")]
    data = inserted(PLAIN, *itertools.chain(*((junk, one) for one in segments)), junk)
    assert metadata_of(data) == metadata_of(inserted(PLAIN, *segments)) == (6, tiff("<", SIX), b"ab")
    assert read_header(data).orientation == 6


def test_a_chunk_too_short_for_its_numbers_is_ignored():
    assert read_jpeg(inserted(PLAIN, chunk(1), chunk(1, 1, content=b"a"))).icc == b"a"
