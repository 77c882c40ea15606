"""The Huffman tables of written files: those of libjpeg, valid, and as short as possible."""

import heapq

import numpy as np
import pytest

import jpegdomain as jd

from . import libjpeg
from .encoder import ZIGZAG
from .made import made
from .oracle import FIXTURES, header_segments, jpeg, noise
from .written import assert_libjpeg_reads, assert_same_record, gray


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(9, 9), (64, 80), (231, 173)])
def test_codes_and_bits_are_those_of_libjpegs_optimisation(size, subsampling):
    data = jpeg(noise(*size), subsampling=subsampling, optimize=True, quality=90)
    written = jd.write_jpeg(jd.read_jpeg(data))
    assert tables_and_bits(written) == tables_and_bits(data)


def tables_and_bits(data):
    """Each Huffman table by its place, and all from the scan header on."""
    tables = {}
    for marker, offset, payload in header_segments(data):
        while marker == 0xC4 and payload:
            end = 17 + sum(payload[1:17])
            tables[payload[0]], payload = payload[1:end], payload[end:]
        start = offset
    return tables, data[start:]


def test_largest_values_everywhere():
    generator = np.random.default_rng(3)
    coefficients = generator.choice([-1023, 1023, -1, 511], (9, 11, 64)).astype(np.int16)
    coefficients[..., 0] = np.where(np.indices((9, 11)).sum(0) % 2, 1023, -1024)
    image = gray(coefficients)
    written = jd.write_jpeg(image)
    assert_libjpeg_reads(written, image)
    assert_same_record(jd.read_jpeg(written), image)


def test_codes_longer_than_16_bits_are_shortened():
    # Frequencies like Fibonacci's make Huffman's tree a chain, here of 21 symbols.
    numbers = [1, 2]
    while len(numbers) < 20:
        numbers.append(numbers[-1] + numbers[-2])
    places = [(run, size) for run in range(4) for size in range(1, 6)]
    blocks = np.zeros((sum(numbers), 64), np.int16)
    zigzag = [0, 1, 8, 16, 9]
    for at, (number, (run, size)) in enumerate(zip(numbers, places, strict=True)):
        start = sum(numbers[:at])
        blocks[start : start + number, zigzag[1 + run]] = (1 << size) - 1
    image = gray(blocks.reshape(55, 521, 64))
    written = jd.write_jpeg(image)
    lengths = tables_and_bits(written)[0][0x10][:16]
    assert sum(lengths) == 21
    assert lengths[15] >= 3
    assert_libjpeg_reads(written, image)


def test_no_table_would_code_the_symbols_in_fewer_bits():
    data = jd.write_jpeg(jd.read_jpeg(jpeg(noise(120, 160, 1), quality=75)))
    counts = symbol_counts(libjpeg.read(data).coefficients[0].reshape(-1, 64))
    table = tables_and_bits(data)[0][0x10]
    lengths = np.repeat(np.arange(1, 17), list(table[:16]))
    spent = sum(counts[symbol] * length for symbol, length in zip(table[16:], lengths, strict=True))
    # Huffman's own construction, with an extra symbol for the code of all ones, whose bits do not count.
    heap = [1, *counts.values()]
    heapq.heapify(heap)
    least = 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        least += pair
        heapq.heappush(heap, pair)
    assert 0 <= least - spent <= 16
    assert len(table[16:]) == len(counts)


def symbol_counts(blocks):
    """AC symbols by a plain reading of T.81 F.1.2.2."""
    counts = dict[int, int]()
    for block in blocks[:, ZIGZAG].tolist():
        places = [at for at in range(1, 64) if block[at]]
        for before, at in zip([0, *places], places, strict=False):
            symbols = [0xF0] * ((at - before - 1) // 16)
            for symbol in [*symbols, 16 * ((at - before - 1) % 16) + abs(block[at]).bit_length()]:
                counts[symbol] = counts.get(symbol, 0) + 1
        if not block[63]:
            counts[0] = counts.get(0, 0) + 1
    return counts


@pytest.mark.parametrize(
    ("path", "slots"),
    [("rare/plain", [0, 1, 1]), ("rare/ycck", [0, 1, 1, 0]), ("rare/cmyk", [0, 0, 0, 0])],
)
def test_luma_and_black_share_tables_and_chroma_shares_others(path, slots):
    written = jd.write_jpeg(jd.read_jpeg(FIXTURES / f"{path}.jpg"))
    _, _, scan = header_segments(written)[-1]
    assert list(scan[2:-3:2]) == [17 * slot for slot in slots]


def test_no_code_is_all_ones():
    for number in range(20):
        written = jd.write_jpeg(jd.read_jpeg(made(number).data))
        for table in tables_and_bits(written)[0].values():
            assert sum(number << (16 - length) for length, number in enumerate(table[:16], 1)) < 1 << 16
