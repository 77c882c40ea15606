"""`decode_rgb` of CMYK and YCCK files: the standard's steps and the product written out, Pillow, torchvision."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain.errors import UnsupportedJpegError

from ..codec.oracle import FIXTURES
from ..preprocess.pictures import picture
from .made import IDS, KINDS, SIZES, cmyk_file, fixture, inked, naive_rgb, pillow_rgb, saved, torchvision_rgb, ycc
from .made import ycck_file as ycck


def rgb(images, **options):
    return jd.decode_rgb(jd.collate(images, dtype=torch.float64, **options))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_decoding_equals_a_decoder_written_out(kind, size):
    color, factors = kind
    image = picture(factors, size, color=color)
    torch.testing.assert_close(rgb([image])[0], naive_rgb(image), rtol=0, atol=1e-9)
    single = jd.decode_rgb(jd.collate([image]))
    assert single.dtype == torch.float32
    assert (single[0] - naive_rgb(image)).abs().max() < 255e-4


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("make", [cmyk_file, ycck], ids=["cmyk", "ycck"])
def test_decoding_equals_pillow_and_torchvision_except_for_rounding(make, size):
    data = make(size)
    levels = rgb([jd.read_jpeg(data)])[0].permute(1, 2, 0).numpy()
    for theirs in (pillow_rgb(data), torchvision_rgb(data)):
        difference = np.abs(levels - theirs)
        # They round each sample, each upsampled sample, the results C, M and Y, and the product.
        assert difference.mean() < 0.6
        assert difference.max() < 3.2


@pytest.mark.parametrize("transform", [None, 0, 1, 2, 7])
def test_markers_say_whether_it_is_ycck_and_not_whether_it_is_inverted(transform):
    stored = inked(37, 45)
    data = saved(ycc(stored) if transform else stored, transform=transform, quality=95, subsampling="4:4:4")
    image = jd.read_jpeg(data)
    assert (image.color, image.adobe) == ("ycck" if transform else "cmyk", transform)
    levels = rgb([image])[0].permute(1, 2, 0).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pillow_rgb(data), torchvision_rgb(data)
    assert np.abs(levels - theirs[0]).max() < 3.2
    np.testing.assert_array_equal(*theirs)
    assert np.abs(levels - stored[..., :3] * (stored[..., 3:] / 255)).mean() < 3


@pytest.mark.parametrize("name", ["cmyk", "ycck", "ycck-interleaved"])
def test_files_of_other_writers(name):
    image = fixture(name)
    levels = rgb([image])[0]
    torch.testing.assert_close(levels, naive_rgb(image), rtol=0, atol=1e-9)
    theirs = pillow_rgb((FIXTURES / "rare" / f"{name}.jpg").read_bytes())
    difference = np.abs(levels.clamp(0, 255).permute(1, 2, 0).numpy() - theirs)
    # libjpeg clamps C, M and Y, too, before they are multiplied: a tenth of these pixels is beyond their range.
    assert difference.mean() < 1.5
    assert np.median(difference) < 0.5


def test_a_batch_may_mix_them_with_others_and_keeps_its_order():
    size = (37, 45)
    images = [
        picture("4:2:0", size, 1),
        jd.read_jpeg(cmyk_file(size, 2)),
        picture("gray", size, 3),
        jd.read_jpeg(ycck(size, 4)),
        picture("4:4:4", size, 5, color="rgb"),
        jd.read_jpeg(cmyk_file(size, 6)),
        picture("4:2:0", size, 7),
    ]
    for options in ({}, {"preprocess": jd.preprocess.Compose([])}):
        together = rgb(images, **options)
        single = jd.decode_rgb(jd.collate(images, **options))
        for position, image in enumerate(images):
            alone = naive_rgb(image) if len(image.components) == 4 else rgb([image])[0]
            torch.testing.assert_close(together[position], alone, rtol=0, atol=1e-9)
            assert (single[position] - alone).abs().max() < 255e-4


@pytest.mark.parametrize("make", [cmyk_file, ycck], ids=["cmyk", "ycck"])
def test_a_written_file_is_the_same_image(make):
    image = jd.read_jpeg(make((37, 45)))
    again = jd.read_jpeg(jd.write_jpeg(image))
    assert (again.color, again.adobe, again.sampling) == (image.color, image.adobe, image.sampling)
    assert torch.equal(rgb([again]), rgb([image]))


def test_sampling_that_makes_no_sense_is_refused():
    image = picture(((2, 2), (1, 1), (1, 1), (2, 2)), (37, 45), color="ycck")
    parts = [dataclasses.replace(part) for part in image.components]
    parts[0] = dataclasses.replace(parts[0], factors=(3, 3))
    odd = dataclasses.replace(image, components=tuple(parts))
    with pytest.raises(UnsupportedJpegError, match=r"3x3,1x1,1x1,2x2 are not whole multiples; re-encode"):
        jd.collate([odd])
