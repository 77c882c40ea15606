"""CMYK and YCCK files under every preprocess: ``torchvision.transforms.v2`` on their float R, G and B."""

import pickle
from dataclasses import replace

import pytest
import torch
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import affine, to_activation, to_pixels
from jpegdomain.errors import InputError
from jpegdomain.preprocess import augmentation

from ..decoding.test_matrices import ORIENTATIONS, STEPS
from ..preprocess.pictures import picture, ycbcr
from .made import EVERYWHERE, KINDS, cmyk_file, naive_rgb
from .made import ycck_file as ycck


def images():
    """Every kind of four components, with others between them; sizes alike and not."""
    sizes = [(97, 131), (61, 47), (61, 47), (33, 5), (3, 3), (64, 80)]
    made = [picture(factors, size, color=color) for size, (color, factors) in zip(sizes, KINDS, strict=True)]
    made[2:2] = [picture("4:2:0", (61, 47)), picture("gray", (50, 40))]
    return [*made, picture(EVERYWHERE, (61, 47), 9, color="cmyk")]


def float_rgb(image):
    if len(image.components) == 4:
        return naive_rgb(image)
    return jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0]


def expected_pixels(name):
    torch.manual_seed(7)
    theirs = v2.Compose(STEPS[name](v2))
    return torch.stack([theirs(float_rgb(image)) for image in images()])


def batch_of(name, dtype=torch.float64):
    torch.manual_seed(7)
    return jd.collate(images(), preprocess=ours.Compose(STEPS[name](ours)), dtype=dtype)


@pytest.mark.parametrize("name", STEPS)
def test_a_preprocessed_batch_is_torchvision_on_the_float_decoding(name):
    batch, expected = batch_of(name), expected_pixels(name)
    torch.testing.assert_close(jd.decode_rgb(batch), expected, rtol=0, atol=1e-9)
    for single in (batch_of(name, torch.float32), batch.to(torch.float32).as_tensors()):
        assert single.dtype == torch.float32
        assert (jd.decode_rgb(single) - expected).abs().max() < 255e-4
    luma = torch.einsum("c,nchw->nhw", torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64), expected)
    torch.testing.assert_close(jd.decode_luma(batch)[:, 0], luma, rtol=0, atol=1e-9)
    torch.testing.assert_close(to_pixels(batch, "ycbcr"), torch.from_numpy(ycbcr(expected)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("target", ["luma", "rgb", "ycbcr"])
def test_the_activation_is_the_transform_of_the_pixels(name, target):
    batch = batch_of(name)
    channels = 1 if target == "luma" else 3
    scale, shift = torch.rand(2, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    pixels = to_pixels(batch, target, scale, shift)
    plain = to_pixels(batch, target)
    torch.testing.assert_close(pixels, plain * scale.view(-1, 1, 1) + shift.view(-1, 1, 1), rtol=0, atol=1e-9)
    for given in (batch, batch.as_tensors()):
        activation = to_activation(given, target, scale, shift)
        torch.testing.assert_close(activation.coefficients, jd.encode(pixels).coefficients, rtol=0, atol=1e-9)
    single = to_activation(batch.to(torch.float32), target, scale.float(), shift.float())
    assert (jd.decode(single) - pixels).abs().max() < 255e-4


@pytest.mark.parametrize("size", [(37, 53), (21, 4), (4, 21)], ids=str)
@pytest.mark.parametrize("factors", [((1, 2), (1, 1), (1, 1), (1, 2)), ((2, 2), (1, 1), (1, 2), (2, 1))], ids=str)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orient_turns_images_upright(orientation, factors, size):
    # 4 columns make 2 samples, which libjpeg does not upsample by triangles; this depends on the file's columns, turned
    # or not.
    image = replace(picture(factors, size, color="ycck"), orientation=orientation)
    upright = ORIENTATIONS[orientation](naive_rgb(image))
    turned = jd.collate([image], orient=True, dtype=torch.float64)
    torch.testing.assert_close(jd.decode_rgb(turned)[0], upright, rtol=0, atol=1e-9)
    placed = jd.collate([image], orient=True, preprocess=ours.Resize((20, 24)), dtype=torch.float64)
    torch.testing.assert_close(jd.decode_rgb(placed)[0], v2.Resize((20, 24))(upright), rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", [cmyk_file, ycck], ids=["cmyk", "ycck"])
@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda x: augmentation.flip(x, vertical=True, horizontal=True), lambda x: x.flip(-1, -2)),
        (augmentation.transpose, lambda x: x.mT),
        (lambda x: augmentation.rotate(x, 1), lambda x: torch.rot90(x, -1, (-2, -1))),
        (lambda x: augmentation.crop(x, 0, 0, 16, 40), lambda x: x[..., :16, :40]),
    ],
    ids=["flip", "transpose", "rotate", "crop"],
)
def test_augmented_records(make, change, same):
    image = jd.read_jpeg(make((32, 64)))
    result = jd.decode_rgb(jd.collate([change(image)], dtype=torch.float64))[0]
    expected = same(naive_rgb(image))
    if result[0].numel() < 32 * 64 and make is ycck:
        # Where chroma was cut, the triangle filter repeats another edge.
        result, expected = result[:, :-1, :-1], expected[:, :-1, :-1]
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", ["luma", "rgb"])
def test_low_frequencies_leave_nothing_out_of_cmyk_files(target):
    # A product of high frequencies has low ones: nothing bounds what leaving them out would change.
    images = [picture(factors, (160, 240), color=color) for color, factors in KINDS]
    exact, low = (ours.Compose([ours.Resize((20, 30))], low_frequencies=flag) for flag in (False, True))
    assert ours.keep_for(low, picture("4:2:0", (160, 240))) < 8
    assert [ours.keep_for(low, image) for image in images] == [8] * len(images)
    one, two = (
        to_pixels(jd.collate(images, preprocess=preprocess, dtype=torch.float64), target) for preprocess in (exact, low)
    )
    assert torch.equal(one, two)


def test_files_read_with_fewer_frequencies_are_refused_by_name():
    few = jd.read_jpeg(cmyk_file((160, 240)), keep=4)
    low = ours.Compose([ours.Resize((20, 30))], low_frequencies=True)
    for preprocess, message in [(None, "keep=4"), (low, "uses 8×8 frequencies.*keep=4"), (ours.Resize(20), "keep=4")]:
        with pytest.raises(InputError, match=message):
            jd.collate([few], preprocess=preprocess)


def test_files_of_three_components_in_a_mixed_batch_are_rendered(monkeypatch):
    seen = []
    render = affine.render
    monkeypatch.setattr(affine, "render", lambda *given, **kw: seen.append(len(given[0])) or render(*given, **kw))
    batch = batch_of("evaluation", torch.float32)
    for last in (False, True):
        pixels = to_pixels(batch, "rgb", channels_last=last)
        assert pixels.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    assert seen == [2, 2]


@pytest.mark.parametrize("name", ["evaluation", "padded"])
def test_batches_travel(name):
    batch = batch_of(name)
    again = pickle.loads(pickle.dumps(batch))
    assert torch.equal(jd.decode_rgb(again), jd.decode_rgb(batch))
    assert again.quantised.dtype == torch.int16
    meta = batch.to("meta")
    assert jd.decode_rgb(meta).shape == jd.decode_rgb(batch).shape
    assert meta.groups[0].planes[0].maps[0].weights.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", STEPS)
def test_cuda(name):
    batch = batch_of(name)
    there = batch.pin_memory().to("cuda", non_blocking=True)
    torch.testing.assert_close(jd.decode_rgb(there).cpu(), jd.decode_rgb(batch), rtol=0, atol=1e-9)


@pytest.mark.parametrize("preprocess", [None, ours.Resize((24, 24))])
def test_half_precision_rounds_once_and_gradients_reach_scale_and_shift(preprocess):
    images = [jd.read_jpeg(cmyk_file((33, 40))), picture("4:2:0", (33, 40))]
    single = jd.decode_rgb(jd.collate(images, preprocess=preprocess))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = jd.decode_rgb(jd.collate(images, preprocess=preprocess, dtype=torch.bfloat16))
    torch.testing.assert_close(half, single.to(torch.bfloat16), rtol=0, atol=0)
    batch = jd.collate(images, preprocess=preprocess, dtype=torch.float64)
    scale, shift = torch.rand(2, 3, dtype=torch.float64).unbind()
    for values in (scale.requires_grad_(), shift.requires_grad_()):
        to_pixels(batch, "rgb", scale, shift).mean().backward()
        assert values.grad.isfinite().all()
