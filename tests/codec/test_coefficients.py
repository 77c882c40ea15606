"""The coefficients, against transforms and decoders that use nothing from this package."""

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg

from .oracle import FIXTURES, decoded, forward, jpeg, noise, pillow

SIZES = [(1, 1), (7, 5), (16, 16), (33, 8), (8, 33), (40, 24), (97, 131)]


@pytest.mark.parametrize("quality", [30, 75, 100])
def test_gray_coefficients_are_the_rounded_dct_of_the_encoded_pixels(quality):
    pixels = noise(64, 80, 1)
    (component,) = read_jpeg(jpeg(pixels, quality=quality)).components
    exact = forward(pixels[..., 0]) / component.table
    difference = np.abs(component.coefficients - exact)
    # The encoder's transform uses integers: it may round a half the other way, but is never further off.
    assert difference.max() < 0.75
    assert (component.coefficients == np.round(exact)).mean() > 0.9


def test_frequencies_are_row_major_vertical_first():
    rows = np.tile(np.arange(0, 256, 32, dtype=np.uint8)[:, None], (1, 8))[..., None]
    (component,) = read_jpeg(jpeg(rows, quality=95)).components
    assert set(np.flatnonzero(component.coefficients[0, 0])) <= set(range(0, 64, 8))
    assert component.coefficients[0, 0, 8] < -10


def test_tables_are_row_major():
    luma, chroma, _ = read_jpeg(jpeg(noise(16, 16), quality=50)).components
    # T.81 tables K.1 and K.2, first row and first column.
    assert luma.table[:8].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert luma.table[::8].tolist() == [16, 12, 14, 14, 18, 24, 49, 72]
    assert chroma.table[:4].tolist() == [17, 18, 24, 47]
    assert chroma.table[:32:8].tolist() == [17, 18, 24, 47]
    assert chroma.table[17] == 26


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_colour_planes_decode_as_in_pillow(size, subsampling):
    data = jpeg(noise(*size), subsampling=subsampling, quality=85)
    image = read_jpeg(data)
    assert image.sampling == subsampling
    assert image.extent == size
    if min(size) > 5:
        assert_decodes_alike(image, data, "YCbCr")


@pytest.mark.parametrize("size", SIZES)
def test_the_gray_plane_decodes_as_in_pillow(size):
    data = jpeg(noise(*size, 1), quality=85)
    image = read_jpeg(data)
    assert (image.color, image.sampling) == ("gray", "gray")
    assert_decodes_alike(image, data, "L")


@pytest.mark.parametrize(
    "name", ["440", "411", "410", "unusual", "one-scan-each", "progressive-restart", "16-bit-table"]
)
def test_fixtures_decode_as_in_pillow(name):
    data = (FIXTURES / f"{name}.jpg").read_bytes()
    assert_decodes_alike(read_jpeg(data), data, "YCbCr")


def test_rgb_coded_file_decodes_as_in_pillow():
    data = jpeg(noise(30, 41), keep_rgb=True)
    image = read_jpeg(data)
    assert image.color == "rgb"
    assert_decodes_alike(image, data, "RGB")


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize(
    "options",
    [{"progressive": True}, {"restart_marker_blocks": 2}, {"restart_marker_rows": 1}, {"optimize": True}],
)
def test_coefficients_do_not_depend_on_the_coding(subsampling, options):
    pixels = noise(45, 77)
    plain = read_jpeg(jpeg(pixels, subsampling=subsampling))
    other = read_jpeg(jpeg(pixels, subsampling=subsampling, **options))
    assert other.progressive == ("progressive" in options)
    for one, two in zip(plain.components, other.components, strict=True):
        np.testing.assert_array_equal(one.coefficients, two.coefficients)
        np.testing.assert_array_equal(one.table, two.table)


def test_16_bit_tables_are_read_whole():
    image = read_jpeg(FIXTURES / "16-bit-table.jpg")
    # Quality 1 is Annex K times 50.
    assert image.components[0].table[:3].tolist() == [800, 550, 500]
    assert image.components[0].table[63] == 4950


@pytest.mark.parametrize(
    ("name", "grids"),
    [
        ("440", [(5, 6), (3, 6), (3, 6)]),
        ("411", [(5, 6), (5, 2), (5, 2)]),
        ("410", [(5, 6), (3, 2), (3, 2)]),
        ("one-scan-each", [(5, 6), (3, 3), (3, 3)]),
        ("unusual", [(5, 6), (5, 3), (3, 6)]),
    ],
)
def test_block_grids_cover_each_component_and_no_more(name, grids):
    image = read_jpeg(FIXTURES / f"{name}.jpg")
    assert [component.coefficients.shape for component in image.components] == [(*grid, 64) for grid in grids]
    assert [component.extent.blocks for component in image.components] == grids


def assert_decodes_alike(image, data, mode):
    difference = np.abs(np.round(decoded(image)) - pillow(data, mode))
    # Upsampling rounds a second time.
    assert difference[..., 0].max() <= 1
    assert difference.max() <= 2
    assert difference.mean() < 0.2
