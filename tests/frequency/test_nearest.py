"""Channels by nearest block: their definition, block by block, and their distance from the exact ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.fft import dct, idctn

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, frequency_channels, published
from jpegdomain.preprocess import CenterCrop

from ..codec.oracle import doubled, jpeg, noise
from ..preprocess.pictures import picture, ycbcr
from .naive import COLOURED, EXTENTS, KINDS, made


def nearest_planes(image):
    """(components, 64, X, Y): each block of the image takes the component's block that it lies in."""
    rows, columns = image.extent.blocks
    result = np.zeros((len(image.components), 64, rows, columns))
    for number, component in enumerate(image.components):
        vertical, horizontal = image.upsampling[number]
        for x in range(rows):
            for y in range(columns):
                block = component.coefficients[x // vertical, y // horizontal]
                result[number, :, x, y] = block.astype(float) * component.table
    return result


def nearest(images, selection=None, dtype=torch.float64, chroma="nearest"):
    return frequency_channels(jd.collate(images, dtype=dtype), selection, chroma=chroma)


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_blocks_are_the_files_own_repeated(kind, extent):
    image = made(kind, extent)
    planes = nearest_planes(image)
    if image.color == "gray":
        planes = np.concatenate([planes, np.zeros((2, *planes.shape[1:]))])
    if image.color == "rgb":
        # The matrix mixes the same frequencies of R, G and B.
        planes = ycbcr(planes.swapaxes(0, 1)).swapaxes(0, 1) - np.array([0, 128, 128])[:, None, None, None]
    reference = planes.reshape(192, *image.extent.blocks)
    np.testing.assert_allclose(nearest([image])[0].numpy(), reference, rtol=0, atol=1e-9)
    single = nearest([image], dtype=torch.float32)[0].numpy()
    np.testing.assert_allclose(single, reference, rtol=0, atol=0 if image.color == "ycbcr" else 1e-2)


@pytest.mark.parametrize("selection", [published("24D"), ChannelSet((5,)), ChannelSet((), (0, 9), (63,), "zigzag")])
def test_a_batch_keeps_its_order_and_stacks_a_selection(selection):
    images = [made(kind, (41, 67), seed) for seed, kind in enumerate(KINDS + KINDS[:3])]
    together = nearest(images, selection)
    for image, result in zip(images, together, strict=True):
        assert torch.equal(result, nearest([image])[0, list(selection.indices)])


def ranges(image):
    """For each component (X, Y): largest less smallest sample of the block that each of the image's blocks takes.

    The ring of one sample around it counts, too, and in partial blocks also 0.
    """
    rows, columns = image.extent.blocks
    result = np.zeros((len(image.components), rows, columns))
    for number, component in enumerate(image.components):
        vertical, horizontal = image.upsampling[number]
        blocks = (component.coefficients * component.table.astype(float)).reshape(*component.extent.blocks, 8, 8)
        samples = idctn(blocks, axes=(2, 3), norm="ortho").transpose(0, 2, 1, 3)
        samples = samples.reshape(8 * blocks.shape[0], 8 * blocks.shape[1])
        for x in range(rows):
            for y in range(columns):
                top, left = 8 * (x // vertical), 8 * (y // horizontal)
                seen = samples[max(top - 1, 0) : top + 9, max(left - 1, 0) : left + 9].ravel()
                if 8 * x + 8 > image.extent.height or 8 * y + 8 > image.extent.width:
                    seen = np.append(seen, 0)
                result[number, x, y] = seen.max() - seen.min()
    return result


@pytest.mark.parametrize("extent", [(64, 48), (41, 67), (17, 3), (24, 24)], ids=str)
@pytest.mark.parametrize("sampling", COLOURED)
def test_the_difference_from_the_exact_channels_is_bounded(sampling, extent):
    for seed in range(5):
        image = picture(sampling, extent, seed)
        difference = (nearest([image]) - nearest([image], chroma="exact"))[0].view(3, 64, *image.extent.blocks)
        assert (difference.norm(dim=1).numpy() <= 8 * ranges(image) + 1e-9).all()


def test_the_bound_has_the_right_order_of_magnitude():
    # A step at the edge of an otherwise constant chroma block: upsampling reads the ring, the block does not.
    pixels = np.full((32, 32, 3), 128, np.uint8)
    pixels[:, 16:, 2] = 255
    image = jd.read_jpeg(jpeg(pixels, quality=100, subsampling="4:2:0"))
    difference = (nearest([image]) - nearest([image], chroma="exact"))[0].view(3, 64, 4, 4).norm(dim=1).numpy()
    assert difference[1].max() > 0.5 * ranges(image)[1].max()
    assert (difference <= 8 * ranges(image) + 1e-9).all()


@pytest.mark.parametrize("sampling", COLOURED)
def test_full_resolution_and_constant_chroma_agree(sampling):
    image = picture(sampling, (64, 48))
    full = [number for number, factors in enumerate(image.upsampling) if factors == (1, 1)]
    one, other = (nearest([image], chroma=chroma)[0].view(3, 64, 8, 6) for chroma in ("nearest", "exact"))
    torch.testing.assert_close(one[full], other[full], rtol=0, atol=1e-9)
    flat = []
    for component in image.components:
        coefficients = np.zeros_like(component.coefficients)
        coefficients[..., 0] = 7
        flat.append(replace(component, coefficients=coefficients))
    image = replace(image, components=tuple(flat))
    torch.testing.assert_close(nearest([image]), nearest([image], chroma="exact"), rtol=0, atol=1e-9)


@pytest.mark.parametrize("sampling", ["4:2:0", "4:2:2", "4:4:0", "4:1:1"])
def test_the_exact_channels_are_linear_in_neighbouring_blocks(sampling):
    image = picture(sampling, (96, 96))
    component, factors = image.components[1], image.upsampling[1]
    blocks = (component.coefficients * component.table.astype(float)).reshape(*component.extent.blocks, 8, 8)
    exact = nearest([image], chroma="exact")[0, 64:128].view(8, 8, 12, 12).numpy()
    parts = []
    for factor, count in zip(factors, blocks.shape[:2], strict=True):
        identity = np.eye(8 * count)
        whole = doubled(identity) if factor == 2 else identity.repeat(factor, 0)
        d = dct(np.eye(8), axis=0, norm="ortho")
        parts.append(np.einsum("am,xmyn,bn->xyab", d, whole.reshape(-1, 8, count, 8), d))
    reference = np.einsum("xiab,ijbd,yjcd->acxy", parts[0], blocks, parts[1])
    np.testing.assert_allclose(exact, reference, rtol=0, atol=1e-9)
    for part, factor in zip(parts, factors, strict=True):
        # Blocks that are not neighbours of the nearest one have no influence.
        reach = np.abs(np.arange(12)[:, None] // factor - np.arange(part.shape[1])) > 1
        assert np.abs(part[reach]).max(initial=0) < 1e-12


def test_blocks_that_were_moved_are_refused():
    images = [jd.read_jpeg(jpeg(noise(20, 30)))]
    with pytest.raises(InputError, match=r"chroma='nearest'.*preprocess"):
        frequency_channels(jd.collate(images, preprocess=CenterCrop(8)), chroma="nearest")
