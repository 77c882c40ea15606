"""The tables, against the figures of ITU-T T.81, typed in separately, and against what libjpeg writes."""

import io

import numpy as np
import pytest
from PIL import Image

from jpegdomain.tables import CHROMINANCE, LUMINANCE, ZIGZAG, frequency_index, quality_table

from .oracle import FIGURE_A6

TABLE_K1 = """
16 11 10 16 24 40 51 61
12 12 14 19 26 58 60 55
14 13 16 24 40 57 69 56
14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77
24 35 55 64 81 104 113 92
49 64 78 87 103 121 120 101
72 92 95 98 112 100 103 99
"""

TABLE_K2 = """
17 18 24 47 99 99 99 99
18 21 26 66 99 99 99 99
24 26 56 99 99 99 99 99
47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99
99 99 99 99 99 99 99 99
99 99 99 99 99 99 99 99
99 99 99 99 99 99 99 99
"""


def typed(table):
    return np.array(table.split(), dtype=int).reshape(8, 8)


def tables_in_file(quality):
    """The tables of Pillow's colour file, from its DQT segments, brought into rows and columns by figure A.6."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
    data, tables = buffer.getvalue(), {}
    place = data.find(b"\xff\xdb")
    while place >= 0:
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + length]
        for start in range(0, len(segment), 65):
            assert segment[start] < 16, "8-bit entries"
            tables[segment[start]] = np.frombuffer(segment, np.uint8, 64, start + 1)[FIGURE_A6]
        place = data.find(b"\xff\xdb", place + length)
    return tables[0], tables[1]


def test_zigzag_is_figure_a6():
    assert ZIGZAG.shape == (64,)
    np.testing.assert_array_equal(ZIGZAG[FIGURE_A6], np.arange(64).reshape(8, 8))


def test_annex_k_tables_are_tables_k1_and_k2():
    np.testing.assert_array_equal(LUMINANCE, typed(TABLE_K1))
    np.testing.assert_array_equal(CHROMINANCE, typed(TABLE_K2))


@pytest.mark.parametrize("quality", [1, 2, 10, 33, 49, 50, 51, 75, 95, 99, 100])
def test_quality_table_is_what_libjpeg_writes(quality):
    luminance, chrominance = tables_in_file(quality)
    np.testing.assert_array_equal(quality_table(LUMINANCE, quality), luminance)
    np.testing.assert_array_equal(quality_table(CHROMINANCE, quality), chrominance)


def test_quality_table_keeps_the_shape():
    flat = quality_table(LUMINANCE.reshape(64), 30)
    np.testing.assert_array_equal(flat, quality_table(LUMINANCE, 30).reshape(64))


@pytest.mark.parametrize("quality", [0, 101, -3])
def test_quality_outside_1_to_100(quality):
    with pytest.raises(ValueError, match=f"quality must be 1…100, got {quality}"):
        quality_table(LUMINANCE, quality)


@pytest.mark.parametrize("table", [ZIGZAG, LUMINANCE, CHROMINANCE])
def test_constants_cannot_be_changed(table):
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_frequencies_keep_the_published_counts():
    counts = [int((frequency_index() < n).sum()) for n in range(1, 16)]
    assert counts == [1, 3, 6, 10, 15, 21, 28, 36, 43, 49, 54, 58, 61, 63, 64]
    assert [int(f) for f in frequency_index()[[0, 2, 7, 7], [0, 5, 0, 7]]] == [0, 7, 7, 14]
