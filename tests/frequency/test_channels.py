"""Exact channels against the float decoding, its YCbCr and scipy's DCT; nearest ones in test_nearest."""

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, frequency_channels, published

from ..codec.oracle import FIXTURES, forward, jpeg, noise, pillow
from ..preprocess.pictures import expected, picture
from .naive import EXTENTS, KINDS, channels_of_images, channels_of_pixels, dct_channels, made

# A hundred-thousandth of the range of an orthonormal 8×8 transform of 255 levels.
FLOAT32 = 1e-5 * 8 * 255

SELECTIONS = {
    "all": None,
    "24S": published("24S"),
    "24T, zigzag": published("24T").in_order("zigzag"),
    "luma alone": ChannelSet((3, 0, 62)),
    "blue chroma alone": ChannelSet((), (0, 20)),
    "one of red chroma": ChannelSet((), (), (8,)),
    "most": ChannelSet(tuple(range(64)), tuple(range(10, 64)), (63, 1), "zigzag"),
}

PLACED = {
    "smaller": pp.Compose([pp.Resize(20), pp.CenterCrop(16)]),
    "larger, flipped": lambda extent: pp.Resize((61, 83))(extent).flip(horizontal=True),
    "padded": pp.Compose([pp.Pad((3, 5, 7, 1), fill=(10, 200, 30)), pp.Resize(33)]),
    "black around": pp.CenterCrop((80, 70)),
}


class Fixed(pp.Transform):
    """A preprocess that returns what a function of the extent returns."""

    def __init__(self, function):
        self.function = function

    def place(self, placement, generator=None):
        return self.function(placement.extent)


def ways(images, **options):
    """Both paths of a batch: records of float32 batches are rendered, tensors are transformed."""
    yield jd.collate(images, dtype=torch.float64, **options), 1e-9
    yield jd.collate(images, **options), FLOAT32
    yield jd.collate(images, **options).as_tensors(), FLOAT32


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_channels_of_files_are_those_of_their_float_decoding(kind, extent):
    images = [made(kind, extent, seed) for seed in range(2)]
    reference = channels_of_images(images)
    for batch, tolerance in ways(images):
        result = frequency_channels(batch)
        assert result.dtype == batch.dtype
        assert result.shape == (2, 192, *(-(-side // 8) for side in extent))
        np.testing.assert_allclose(result.numpy(), reference, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", [("4:2:0", "ycbcr"), ("4:4:4", "rgb"), ("gray", "gray")], ids="-".join)
@pytest.mark.parametrize("name", PLACED)
def test_a_preprocess_is_applied_before(name, kind):
    image = made(kind, (41, 67))
    pixels = expected(image, PLACED[name](image.extent), [1.0] * 3, [0.0] * 3, "ycbcr")
    reference = dct_channels(pixels - 128)
    for batch, tolerance in ways([image], preprocess=Fixed(PLACED[name])):
        np.testing.assert_allclose(frequency_channels(batch)[0].numpy(), reference, rtol=0, atol=tolerance)


@pytest.mark.parametrize("options", [{}, {"preprocess": pp.Resize((30, 20))}], ids=["whole", "placed"])
@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_is_stacked_as_it_says(name, options):
    selection = SELECTIONS[name]
    images = [made(kind, (41, 67), seed) for seed, kind in enumerate(KINDS)]
    indices = list(range(192)) if selection is None else list(selection.indices)
    reference = frequency_channels(jd.collate(images, dtype=torch.float64, **options))[:, indices]
    for batch, tolerance in ways(images, **options):
        result = frequency_channels(batch, selection)
        torch.testing.assert_close(result.double(), reference, rtol=0, atol=tolerance)
    pixels = torch.rand(2, 3, 19, 40, dtype=torch.float64) * 255
    reference = channels_of_pixels(pixels.numpy())[:, indices]
    np.testing.assert_allclose(frequency_channels(pixels, selection).numpy(), reference, rtol=0, atol=1e-9)


@pytest.mark.parametrize("chroma", ["exact", "nearest"])
def test_channels_are_the_files_own_coefficients(chroma):
    pixels = noise(24, 32)
    image = jd.read_jpeg(jpeg(pixels, quality=90, subsampling="4:4:4"))
    result = frequency_channels(jd.collate([image], dtype=torch.float64), chroma=chroma)[0].numpy()
    for number, component in enumerate(image.components):
        own = component.coefficients.astype(np.float64) * component.table
        np.testing.assert_allclose(result[64 * number :][:64], own.transpose(2, 0, 1), rtol=0, atol=1e-9)
    # And with Pillow's pixels, except for their rounding and quantisation.
    planes = pillow(jpeg(pixels, quality=100, subsampling="4:4:4"), "YCbCr")
    image = jd.read_jpeg(jpeg(pixels, quality=100, subsampling="4:4:4"))
    result = frequency_channels(jd.collate([image], dtype=torch.float64), chroma=chroma)[0].numpy()
    for number in range(3):
        assert np.abs(result[64 * number :][:64] - forward(planes[..., number]).transpose(2, 0, 1)).max() < 3


@pytest.mark.parametrize("path", sorted((FIXTURES / "sampled").glob("*.jpg")), ids=lambda path: path.stem)
def test_files_of_rare_samplings(path):
    image = jd.read_jpeg(path)
    for batch, tolerance in ways([image]):
        result = frequency_channels(batch).numpy()
        np.testing.assert_allclose(result, channels_of_images([image]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("selection", [None, published("24S")], ids=["all", "24S"])
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_channels_of_pixels(extent, selection):
    pixels = torch.rand(2, 3, *extent, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 255
    indices = list(range(192)) if selection is None else list(selection.indices)
    reference = channels_of_pixels(pixels.numpy())[:, indices]
    for chroma in ("exact", "nearest"):
        result = frequency_channels(pixels, selection, chroma=chroma)
        np.testing.assert_allclose(result.numpy(), reference, rtol=0, atol=1e-9)
    single = frequency_channels(pixels.float(), selection)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), reference, rtol=0, atol=FLOAT32)
    last = pixels.contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(frequency_channels(last, selection).numpy(), reference, rtol=0, atol=1e-9)


@pytest.mark.parametrize("selection", [None, published("6S")], ids=["all", "6S"])
def test_gradients_reach_pixels(selection):
    pixels = (torch.rand(1, 3, 5, 9, dtype=torch.float64) * 255).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: frequency_channels(x, selection), (pixels,))
    with torch.no_grad():
        assert not frequency_channels(pixels, selection).requires_grad


@pytest.mark.parametrize("chroma", ["exact", "nearest"])
@pytest.mark.parametrize("selection", [None, published("24S")], ids=["all", "24S"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rounds_once(dtype, selection, chroma):
    images = [picture("4:2:0", (24, 33))]
    whole = frequency_channels(jd.collate(images), selection, chroma=chroma)
    assert torch.equal(frequency_channels(jd.collate(images, dtype=dtype), selection, chroma=chroma), whole.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(frequency_channels(jd.collate(images), selection, chroma=chroma), whole)
        pixels = jd.decode_rgb(jd.collate(images))
        near = frequency_channels(pixels, selection) - frequency_channels(jd.collate(images), selection)
    assert near.abs().max() < FLOAT32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", SELECTIONS)
def test_cuda(name):
    images = [made(kind, (41, 67), seed) for seed, kind in enumerate(KINDS)]
    selection = SELECTIONS[name]
    for options in ({}, {"preprocess": pp.Resize((30, 20))}):
        here = jd.collate(images, dtype=torch.float64, **options)
        reference = frequency_channels(here, selection)
        there = frequency_channels(here.to("cuda"), selection)
        torch.testing.assert_close(there.cpu(), reference, rtol=0, atol=1e-9)
        single = frequency_channels(here.to("cuda", torch.float32), selection)
        torch.testing.assert_close(single.double().cpu(), reference, rtol=0, atol=FLOAT32)
        pixels = frequency_channels(jd.decode_rgb(here).float().cuda(), selection)
        torch.testing.assert_close(pixels.double().cpu(), reference, rtol=0, atol=FLOAT32)
    nearest = jd.collate(images, dtype=torch.float64)
    torch.testing.assert_close(
        frequency_channels(nearest.to("cuda"), selection, chroma="nearest").cpu(),
        frequency_channels(nearest, selection, chroma="nearest"),
        rtol=0,
        atol=1e-9,
    )


def test_errors_say_what_is_wanted():
    batch = jd.collate([picture("4:4:4", (8, 8))])
    with pytest.raises(InputError, match=r"published\('24S'\).*got str"):
        frequency_channels(batch, "24S")
    with pytest.raises(InputError, match="'exact' or 'nearest', got 'linear'"):
        frequency_channels(batch, chroma="linear")
    with pytest.raises(InputError, match=r"\(n, 3, h, w\); got \(1, 1, 8, 8\)"):
        frequency_channels(torch.zeros(1, 1, 8, 8))
    with pytest.raises(InputError, match=r"JpegBatch.*got list"):
        frequency_channels([batch])
    with pytest.raises(InputError, match=r"uint8.*\.float\(\)"):
        frequency_channels(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
