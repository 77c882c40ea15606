"""The walk over marker segments against one that looks at every byte."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jpegdomain.codec.segments import segments

from .oracle import header_segments, jpeg, noise, segment

FILES = [jpeg(noise(24, 40), restart_marker_blocks=2), jpeg(noise(24, 16), progressive=True)]


def stands_alone(marker):
    return marker <= 0xBF or marker in {0xD8, 0xD9}


def naive(data):
    """(marker, payload) as libjpeg's next_marker and skip_variable find them, byte by byte."""
    found, at = [], 2
    while True:
        while at < len(data) and data[at] != 0xFF:
            at += 1
        while at < len(data) and data[at] == 0xFF:
            at += 1
        if at >= len(data):
            return found
        marker = data[at]
        at += 1
        if marker == 0 or 0xD0 <= marker <= 0xD7:
            continue
        length = 0
        if not stands_alone(marker):
            length = max(2, int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big"))
            components = data[at + 7] if at + 7 < len(data) else 0
            if (
                marker in {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
                and components in {1, 2, 3, 4}
                and at + 8 + 3 * components <= len(data)
            ):
                length = 8 + 3 * components
        found.append((marker, data[at + 2 : at + length]))
        at += length
        if marker == 0xD9:
            return found


ODD = [b"\xff", b"\xff\0", b"\xff\xd0", b"\xff\xd9", b"\xff\xda\0\x02", b"\xff\xe1\0\0", b"\xff\x01", b"\xff\xd8"]
markers = st.sampled_from([0xC0, 0xC2]) | st.integers(1, 254)
pieces = st.binary(max_size=6) | st.sampled_from(ODD) | st.builds(segment, markers, st.binary(max_size=9))


@settings(derandomize=True, deadline=None, max_examples=500, database=None)
@given(st.lists(pieces, max_size=12))
@example([b"\xff\xe1\0"])
@example([b"\xff\xe1"])
@example([b"\xff\xc0\0\x09\x08\0\1\0\1\1abcdef", b"\xff\xe1\0\3a"])
@example([b"\xff\xc2\0\x20\x08\0\1\0\1\1abcdef", b"\xff\xe1\0\3a"])
@example([b"\xff\xc2\0\x02\x08\0\1\0\1\5abcdef", b"\xff\xe1\0\3a"])
@example([b"\xff\xff\xe1\0\1\xff\xe2\0\x09ab"])
def test_it_finds_what_a_walk_byte_by_byte_finds(parts):
    data = b"\xff\xd8" + b"".join(parts)
    walked = list(segments(data))
    assert [(one.marker, one.payload) for one in walked] == naive(data)
    for one in walked:
        assert data[one.at : one.at + 2] == bytes([0xFF, one.marker])
        assert one.stop == one.at + 2 if stands_alone(one.marker) else one.stop >= one.at + 4
        assert set(data[one.start : one.at]) <= {0xFF}
        assert one.start == 2 or data[one.start - 1] != 0xFF or any(one.start == other.stop for other in walked)


def test_it_finds_all_segments_of_a_file_and_no_restart_markers():
    for data in FILES:
        walked = list(segments(data))
        before = [(one.marker, one.at, one.payload) for one in walked[: len(header_segments(data))]]
        assert before == header_segments(data)
        assert walked[-1].marker == 0xD9
        assert walked[-1].stop == len(data)
    assert [one.marker for one in segments(FILES[1])].count(0xDA) > 3
