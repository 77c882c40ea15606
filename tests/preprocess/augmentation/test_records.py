"""Flips, transposition, rotations and crops of records against numpy on decoded samples and pixels."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.preprocess.augmentation import EXACT, crop, flip, rotate, transpose, upright

from ...codec.oracle import FIXTURES, jpeg, noise
from ...decoding.test_matrices import ORIENTATIONS, exif

SAMPLINGS = {
    "4:4:4": dict(subsampling="4:4:4"),
    "4:2:2": dict(subsampling="4:2:2"),
    "4:2:0": dict(subsampling="4:2:0", quality=95),
    "progressive": dict(progressive=True),
    "rgb": dict(keep_rgb=True),
}


def made(name, size):
    return jd.read_jpeg(jpeg(noise(*size, 1 if name == "gray" else 3), **SAMPLINGS.get(name, {})))


def pixels(image):
    """Float RGB (height, width, 3), neither rounded nor clamped."""
    return jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0].permute(1, 2, 0).numpy()


def written(image):
    """Through a file and back, the same record."""
    again = jd.read_jpeg(jd.write_jpeg(image))
    assert again.extent == image.extent
    for one, two in zip(again.components, image.components, strict=True):
        np.testing.assert_array_equal(one.coefficients, two.coefficients)
        np.testing.assert_array_equal(one.table, two.table)
        assert (one.factors, one.extent) == (two.factors, two.extent)
    return again


CHANGES = {
    "left to right": (lambda x: flip(x, horizontal=True), lambda x: x[:, ::-1]),
    "upside down": (lambda x: flip(x, vertical=True), lambda x: x[::-1]),
    "both": (lambda x: flip(x, vertical=True, horizontal=True), lambda x: x[::-1, ::-1]),
    "neither": (flip, lambda x: x),
    "transposed": (transpose, lambda x: x.swapaxes(0, 1)),
    "a quarter": (lambda x: rotate(x, 1), lambda x: np.rot90(x, -1)),
    "a half": (lambda x: rotate(x, 2), lambda x: np.rot90(x, -2)),
    "three quarters": (lambda x: rotate(x, 3), lambda x: np.rot90(x, -3)),
    "a quarter back": (lambda x: rotate(x, -1), np.rot90),
    "all the way": (lambda x: rotate(x, 4), lambda x: x),
}


@pytest.mark.parametrize("name", [*SAMPLINGS, "gray"])
@pytest.mark.parametrize("change", CHANGES)
def test_whole_blocks_turn_exactly(change, name):
    image = made(name, (48, 80))
    ours, numpys = CHANGES[change]
    np.testing.assert_allclose(pixels(written(ours(image))), numpys(pixels(image)), atol=1e-9)


def test_a_transposed_table_is_used():
    image = made("4:2:0", (48, 80))
    table = image.components[0].table.reshape(8, 8)
    assert (table != table.T).any()
    np.testing.assert_array_equal(transpose(image).components[0].table.reshape(8, 8), table.T)


@pytest.mark.parametrize("name", ["4:2:0", "4:2:2", "4:4:4", "gray"])
def test_transposition_takes_any_size(name):
    image = made(name, (37, 51))
    np.testing.assert_allclose(pixels(written(transpose(image))), pixels(image).swapaxes(0, 1), atol=1e-9)


@pytest.mark.parametrize("path", sorted((FIXTURES / "sampled").glob("*-224x224.jpg")), ids=lambda path: path.stem)
def test_uncommon_samplings(path):
    image = jd.read_jpeg(path)
    for ours, numpys in CHANGES.values():
        np.testing.assert_allclose(pixels(written(ours(image))), numpys(pixels(image)), atol=1e-9)


def test_pillow_sees_the_same_picture():
    data = jpeg(noise(64, 96), quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data))).astype(float)
    for ours, numpys in CHANGES.values():
        result = np.asarray(Image.open(io.BytesIO(jd.write_jpeg(ours(jd.read_jpeg(data)))))).astype(float)
        # Its integer arithmetic is not symmetric.
        assert np.abs(result - numpys(expected)).max() <= 6
        assert np.abs(result - numpys(expected)).mean() < 0.5


def test_partial_blocks_are_refused_or_trimmed():
    image = made("4:2:0", (50, 83))
    with pytest.raises(InputError, match=r"its width, 83, is not a multiple of 16.*trim=True"):
        flip(image, horizontal=True)
    with pytest.raises(InputError, match=r"its height, 50, is not a multiple of 16"):
        rotate(image, 1)
    trimmed = flip(image, horizontal=True, trim=True)
    assert trimmed.extent == (50, 80)
    inner = pixels(image)[:, :80]
    # The triangle filter read the cut chroma column.
    np.testing.assert_allclose(pixels(trimmed)[:, 1:], inner[:, ::-1][:, 1:], atol=1e-9)
    assert flip(made("gray", (50, 88)), horizontal=True).extent == (50, 88)
    with pytest.raises(InputError, match="not a multiple"):
        flip(made("4:2:0", (50, 15)), horizontal=True, trim=True)


@pytest.mark.parametrize("name", [*SAMPLINGS, "gray"])
@pytest.mark.parametrize("box", [(16, 32, 21, 33), (0, 0, 48, 80), (32, 48, 16, 32), (0, 16, 1, 1)])
def test_crops_of_whole_blocks(name, box):
    image = made(name, (48, 80))
    top, left, height, width = box
    cut = written(crop(image, *box))
    assert cut.extent == (height, width)
    expected = pixels(image)[top : top + height, left : left + width]
    inside = np.s_[:] if name in {"4:4:4", "rgb", "gray"} else np.s_[1 : height - 1, 1 : width - 1]
    np.testing.assert_allclose(pixels(cut)[inside], expected[inside], atol=1e-9)


def test_crops_that_do_not_fit_are_refused():
    image = made("4:2:0", (48, 80))
    with pytest.raises(InputError, match=r"multiples of 16 rows and 16 columns, not at \(8, 0\)"):
        crop(image, 8, 0, 16, 16)
    for box in [(0, 0, 49, 80), (-16, 0, 16, 16), (0, 0, 0, 5)]:
        with pytest.raises(InputError, match="not inside the image of 48×80"):
            crop(image, *box)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright(orientation):
    image = jd.read_jpeg(jpeg(noise(48, 80), exif=exif(orientation)))
    turned = written(upright(image))
    assert turned.orientation == 1
    expected = ORIENTATIONS[orientation](torch.from_numpy(pixels(image)).permute(2, 0, 1)).permute(1, 2, 0)
    np.testing.assert_allclose(pixels(turned), expected.numpy(), atol=1e-9)


def test_records_with_fewer_frequencies_turn_too():
    data = jpeg(noise(48, 80))
    few, whole = jd.read_jpeg(data, keep=3), jd.read_jpeg(data)
    for change, _ in CHANGES.values():
        for some, every in zip(change(few).components, change(whole).components, strict=True):
            corner = every.coefficients.reshape(*every.extent.blocks, 8, 8)[:, :, :3, :3]
            np.testing.assert_array_equal(some.coefficients.reshape(corner.shape), corner)


def test_labels():
    assert {function.exactness for function in (crop, flip, rotate, transpose, upright)} == {EXACT}
