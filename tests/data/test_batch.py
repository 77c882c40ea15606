"""Batches: dequantised in place, grouped, in the right positions."""

import numpy as np
import pytest
import torch
from scipy.fft import idctn

from jpegdomain.codec import read_jpeg
from jpegdomain.data import by_extent, collate
from jpegdomain.errors import ExtentMismatchError, InputError, UnsupportedJpegError

from ..codec.oracle import FIXTURES, decoded, jpeg, noise, offset_of, patched, samples

SIZE = (37, 45)


@pytest.fixture(scope="module")
def images():
    return [
        read_jpeg(jpeg(noise(*SIZE, seed=0), quality=90)),
        read_jpeg(jpeg(noise(*SIZE, 1, seed=1), quality=40)),
        read_jpeg(jpeg(noise(*SIZE, seed=2), quality=50)),
        read_jpeg(jpeg(noise(*SIZE, seed=3), subsampling="4:4:4")),
        read_jpeg(jpeg(noise(*SIZE, seed=4), keep_rgb=True)),
        read_jpeg(FIXTURES / "440.jpg"),
        read_jpeg(jpeg(noise(*SIZE, 1, seed=5))),
    ]


def test_groups_share_colour_and_sampling(images):
    batch = collate(images)
    assert [(group.images, group.color) for group in batch.groups] == [
        ((0, 2), "ycbcr"),
        ((1, 6), "gray"),
        ((3,), "ycbcr"),
        ((4,), "rgb"),
        ((5,), "ycbcr"),
    ]
    assert len(batch) == len(images)
    assert batch.extent == SIZE
    first = batch.groups[0].planes
    assert [plane.upsampling for plane in first] == [(1, 1), (2, 2), (2, 2)]
    assert [tuple(plane.coefficients.shape) for plane in first] == [
        (2, 1, 40, 48),
        (2, 1, 24, 24),
        (2, 1, 24, 24),
    ]
    assert [plane.extent for plane in first] == [(37, 45), (19, 23), (19, 23)]
    assert [plane.upsampling for plane in batch.groups[4].planes] == [(1, 1), (2, 1), (2, 1)]


def test_each_tile_is_the_orthonormal_dct_of_level_shifted_samples(images):
    batch = collate(images, dtype=torch.float64)
    for group in batch.groups:
        for number, plane in enumerate(group.planes):
            for row, position in enumerate(group.images):
                component = images[position].components[number]
                tiles = plane.coefficients[row, 0].numpy()
                rows, columns = tiles.shape[0] // 8, tiles.shape[1] // 8
                for x, y in [(0, 0), (rows - 1, columns - 1), (0, columns - 1)]:
                    tile = idctn(tiles[8 * x : 8 * x + 8, 8 * y : 8 * y + 8], norm="ortho") + 128
                    expected = samples(component.coefficients, component.table, 8 * rows, 8 * columns)
                    expected = expected[8 * x : 8 * x + 8, 8 * y : 8 * y + 8]
                    np.testing.assert_allclose(np.clip(tile, 0, 255), expected, atol=1e-9)


def test_each_image_keeps_its_own_tables():
    pixels = noise(16, 16, 1)
    fine, coarse = read_jpeg(jpeg(pixels, quality=100)), read_jpeg(jpeg(pixels, quality=20))
    (group,) = collate([fine, coarse], dtype=torch.float64).groups
    (plane,) = group.planes
    for row, image in enumerate([fine, coarse]):
        (component,) = image.components
        expected = (component.coefficients.astype(float) * component.table).reshape(2, 2, 8, 8)
        np.testing.assert_array_equal(
            plane.coefficients[row, 0].numpy(), expected.transpose(0, 2, 1, 3).reshape(16, 16)
        )
    # The finest table leaves the picture itself.
    assert np.abs(decoded(fine)[..., 0] - pixels[..., 0]).max() < 2


def test_wide_tables_do_not_overflow():
    image = read_jpeg(FIXTURES / "16-bit-table.jpg")
    plane = collate([image], dtype=torch.float64).groups[0].planes[0]
    component = image.components[0]
    assert plane.coefficients[0, 0, 0, 0] == int(component.coefficients[0, 0, 0]) * int(component.table[0])
    assert plane.coefficients.abs().max() > 500


def test_dtype_and_device(images):
    batch = collate(images)
    assert (batch.dtype, batch.device) == (torch.float32, torch.device("cpu"))
    double = batch.to(torch.float64)
    assert double.dtype == torch.float64
    assert batch.dtype == torch.float32
    assert batch.to("meta").device.type == "meta"
    assert batch.to(device="meta", dtype=torch.float16).dtype == torch.float16
    assert collate(images, device="meta", dtype=torch.bfloat16).device.type == "meta"
    assert [group.images for group in double.groups] == [group.images for group in batch.groups]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda(images):
    here, there = collate(images), collate(images, device="cuda")
    pinned = here.pin_memory().to("cuda", non_blocking=True)
    for one, two, three in zip(here.groups, there.groups, pinned.groups, strict=True):
        for a, b, c in zip(one.planes, two.planes, three.planes, strict=True):
            assert torch.equal(a.coefficients, b.coefficients.cpu())
            assert torch.equal(a.coefficients, c.coefficients.cpu())


def test_unequal_extents_say_what_to_do(images):
    mixed = [*images, read_jpeg(jpeg(noise(8, 9)))]
    with pytest.raises(ExtentMismatchError, match=r"37×45: 7 \(<bytes>\); 8×9: 1 .*by_extent"):
        collate(mixed)
    assert by_extent(mixed) == {SIZE: list(range(7)), (8, 9): [7]}
    assert len(collate([mixed[i] for i in by_extent(mixed)[SIZE]])) == 7


def test_empty_lists_and_integer_dtypes_are_refused(images):
    with pytest.raises(InputError, match="at least one"):
        collate([])
    with pytest.raises(InputError, match="floating-point"):
        collate(images, dtype=torch.int32)


def test_a_data_loader_can_pass_images_on(images):
    loader = torch.utils.data.DataLoader(images, batch_size=7, collate_fn=collate)
    (batch,) = loader
    assert len(batch) == 7


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "two-components",
            r"<bytes>: 2 components \(unknown\) cannot be put in a batch.*YCbCr, RGB, CMYK and YCCK; re-encode",
        ),
        ("fractional", r"fractional.jpg: sampling factors 3x1,2x1,1x2 are not whole multiples.*re-encode"),
    ],
)
def test_images_that_no_network_can_use_are_refused(name, reason):
    path = FIXTURES / "rare" / f"{name}.jpg"
    image = read_jpeg(path if path.exists() else two_components())
    with pytest.raises(UnsupportedJpegError, match=reason):
        collate([image])


def two_components():
    """Return a file of three components with one scan each, without the third scan."""
    data = (FIXTURES / "one-scan-each.jpg").read_bytes()
    frame, third = offset_of(data, 0xC0), data.rindex(b"\xff\xda")
    shorter = patched(data[:third] + b"\xff\xd9", frame + 2, 0, 14)
    shorter = patched(shorter, frame + 9, 2)
    return shorter[: frame + 16] + shorter[frame + 19 :]
