"""The compiled renderer against the float64 decoding followed by dense matrices."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from jpegdomain.decoding import cpu, render_layout, works
from jpegdomain.decoding.works import _scratch
from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import CenterCrop, Compose, Pad, Resize, SeparableMap
from jpegdomain.preprocess.component_map import UPRIGHT, component_maps, turn_of
from jpegdomain.preprocess.image_geometry import ImageGeometry

from ..preprocess.pictures import SAMPLINGS, expected, limited, matrix, picture

SCALE, SHIFT = (0.017, 0.0175, 0.0174), (-2.1, -2.0, -1.8)
# In normalised units of 255 levels: a tenth of the library's usual tolerance, 1e-4 of the range.
TOLERANCE = 1e-5 * 255 * 0.0175

PLACED = {
    "whole": SeparableMap.whole,
    "smaller": Compose([Resize(20), CenterCrop(17)]),
    "larger, flipped": lambda extent: Resize((61, 83))(extent).flip(horizontal=True),
    "upside down, bicubic": lambda extent: Resize((19, 35), "bicubic")(extent).flip(vertical=True),
    "padded": Compose([Pad((3, 5, 7, 1), fill=(10, 20, 30)), Resize(33)]),
    "padded by reflection": lambda extent: SeparableMap.whole(extent).pad(1, 1, 0, 1, mode="symmetric"),
    "a corner": lambda extent: SeparableMap.whole(extent).crop(extent.height - 1, extent.width - 1, 1, 1),
}


def put(image, placement, frequencies=8):
    extents = tuple(component.extent for component in image.components)
    return ImageGeometry(placement, UPRIGHT, component_maps(placement, extents, image.upsampling), frequencies)


def rendered(image, placement, frequencies=8, target="rgb"):
    return cpu.render([image], [put(image, placement, frequencies)], target, SCALE, SHIFT)[0].numpy()


@pytest.fixture(autouse=True)
def _spoilt_scratch():
    """Fill scratch with NaN: what an image leaves there must not enter the next one."""
    for scratch in _scratch:
        scratch.fill(np.nan)


@pytest.mark.parametrize("extent", [(16, 16), (41, 67), (70, 9), (2, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("name", PLACED)
def test_equals_the_float_decoding_and_dense_maps(name, sampling, extent):
    image = picture(sampling, extent)
    placement = PLACED[name](Extent(*extent))
    difference = np.abs(rendered(image, placement) - expected(image, placement, SCALE, SHIFT))
    assert difference.max() < TOLERANCE
    difference = rendered(image, placement, target="ycbcr") - expected(image, placement, SCALE, SHIFT, "ycbcr")
    assert np.abs(difference).max() < TOLERANCE


@pytest.mark.parametrize("sampling", ["gray", "4:2:0", "4:1:1"])
@pytest.mark.parametrize(
    ("keep", "frequencies"), [(m, m) for m in range(1, 8)] + [(8, m) for m in range(1, 8)] + [(4, 3)]
)
def test_low_frequencies_are_mapped_exactly(keep, frequencies, sampling):
    image = picture(sampling, (75, 91), keep=keep)
    placement = Compose([Resize(20), CenterCrop((18, 22))])(image.extent)
    result = rendered(image, placement, frequencies)
    reference = expected(limited(image, frequencies), placement, SCALE, SHIFT)
    assert np.abs(result - reference).max() < TOLERANCE


@pytest.mark.parametrize("color", ["gray", "ycbcr", "rgb"])
@pytest.mark.parametrize("width", [33, 7])
def test_one_channel_is_luma(color, width):
    image = picture("gray" if color == "gray" else "4:4:4", (21, width), color=color)
    placement = SeparableMap.whole(image.extent)
    result = cpu.render([image], [put(image, placement)], "luma", [0.02], [-1.0])[0].numpy()
    assert np.abs(result - expected(image, placement, [0.02], [-1.0], "luma")).max() < TOLERANCE


def test_rgb_coded_files_are_not_mixed():
    image = picture("4:4:4", (20, 30), color="rgb")
    placement = Resize(16)(image.extent)
    assert np.abs(rendered(image, placement) - expected(image, placement, SCALE, SHIFT)).max() < TOLERANCE


@pytest.mark.parametrize("name", PLACED)
def test_rgb_coded_files_are_mixed_to_ycbcr(name):
    image = picture("4:4:4", (20, 30), color="rgb")
    placement = PLACED[name](image.extent)
    difference = rendered(image, placement, target="ycbcr") - expected(image, placement, SCALE, SHIFT, "ycbcr")
    assert np.abs(difference).max() < TOLERANCE


@pytest.mark.parametrize("width", [1, 15, 16, 17, 40])
def test_channels_last_holds_the_same_values(width):
    image = picture("4:2:0", (19, 40))
    placement = Resize((13, width))(image.extent)
    last = cpu.render([image] * 2, [put(image, placement)] * 2, "rgb", SCALE, SHIFT, channels_last=True)
    assert last.is_contiguous(memory_format=torch.channels_last)
    first = cpu.render([image] * 2, [put(image, placement)] * 2, "rgb", SCALE, SHIFT)
    assert first.is_contiguous()
    assert torch.equal(last, first)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_its_images(threads, monkeypatch):
    monkeypatch.setattr(works, "_WORTH_A_THREAD", 1)
    preprocess = Compose([Resize(24), CenterCrop(24)])
    kinds = [("4:2:0", (40, 50)), ("gray", (40, 50)), ("4:2:0", (40, 50)), ("4:4:4", (31, 60)), ("4:2:0", (31, 60))]
    images = [picture(*kind, seed) for seed, kind in enumerate(kinds * 30)]
    placements = {image.extent: preprocess(image.extent) for image in images}
    numbers = [8 if seed % 3 else 4 for seed in range(len(images))]
    batch = cpu.render(
        images,
        [put(image, placements[image.extent], m) for image, m in zip(images, numbers, strict=True)],
        "rgb",
        SCALE,
        SHIFT,
        threads=threads,
    )
    for image, result, number in zip(images, batch, numbers, strict=True):
        alone = rendered(image, placements[image.extent], number)
        assert np.array_equal(result.numpy(), alone)


def test_large_images_are_not_copied_together(monkeypatch):
    images = [picture("4:2:0", (40, 50), seed) for seed in range(3)]
    together = cpu.render(images, None, "rgb", SCALE, SHIFT)
    monkeypatch.setattr(cpu, "_SMALL", 1)
    assert torch.equal(cpu.render(images, None, "rgb", SCALE, SHIFT), together)


@pytest.mark.parametrize("name", PLACED)
@pytest.mark.parametrize("frequencies", [8, 3])
def test_bands_change_nothing(name, frequencies, monkeypatch):
    image = picture("4:2:0", (141, 67))
    whole = rendered(image, PLACED[name](image.extent), frequencies)
    monkeypatch.setattr(render_layout, "_CACHE", 1 << 10)
    plans = []
    made = render_layout.render_layout
    monkeypatch.setattr(cpu, "render_layout", lambda *given: plans.append(made(*given)) or plans[-1])
    placement = PLACED[name](image.extent)
    assert np.array_equal(rendered(image, placement, frequencies), whole)
    if whole.shape[1] > 30 and "reflection" not in name:
        assert len(plans[0].bands) > 1


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0, "quality": 95}, {"quality": 5}], ids=str)
def test_files(options):
    pixels = np.random.default_rng(4).integers(0, 256, (5, 7, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((99, 77), Image.Resampling.BICUBIC).save(buffer, "JPEG", **options)
    image = jd.read_jpeg(buffer.getvalue())
    placement = Compose([Resize(64), CenterCrop(56)])(image.extent)
    assert np.abs(rendered(image, placement) - expected(image, placement, SCALE, SHIFT)).max() < TOLERANCE


def test_images_of_one_extent_need_no_geometry():
    images = [picture("4:2:0", (20, 30)), picture("4:4:4", (20, 30)), picture("gray", (20, 30))]
    result = cpu.render(images, None, "rgb", SCALE, SHIFT)
    for image, own in zip(images, result, strict=True):
        assert np.array_equal(own.numpy(), rendered(image, SeparableMap.whole(image.extent)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_turned_upright(sampling, orientation):
    image = picture(sampling, (21, 43))
    turn = turn_of(orientation)
    result = cpu.render([image], [ImageGeometry.of(image, Resize((30, 17)), turn)], "rgb", SCALE, SHIFT)[0].numpy()
    pixels = expected(image, SeparableMap.whole(image.extent), [1.0] * 3, [0.0] * 3)
    if turn.transpose:
        pixels = pixels.transpose(0, 2, 1)
    pixels = pixels[:, :: -1 if turn.vertical else 1, :: -1 if turn.horizontal else 1]
    resized = Resize((30, 17))(pixels.shape[1:])
    pixels = matrix(resized.rows) @ pixels @ matrix(resized.columns).T
    reference = np.array(SCALE)[:, None, None] * pixels + np.array(SHIFT)[:, None, None]
    assert np.abs(result - reference).max() < TOLERANCE


def test_errors_say_what_does_not_fit():
    image = picture("4:2:0", (20, 30))
    whole = put(image, SeparableMap.whole(image.extent))
    with pytest.raises(InputError, match="at least one image"):
        cpu.render([], [], "rgb", SCALE, SHIFT)
    with pytest.raises(InputError, match="1 images, 2 geometries"):
        cpu.render([image], [whole] * 2, "rgb", SCALE, SHIFT)
    with pytest.raises(InputError, match="is not for an image of size 20×30"):
        cpu.render([image], [put(picture("4:2:0", (20, 31)), SeparableMap.whole(Extent(20, 31)))], "rgb", SCALE, SHIFT)
    with pytest.raises(InputError, match="another sampling"):
        cpu.render([image], [put(picture("4:4:4", (20, 30)), whole.map)], "rgb", SCALE, SHIFT)
    with pytest.raises(ExtentMismatchError, match="10×15, not 20×30"):
        cpu.render([image] * 2, [whole, put(image, Resize(10)(image.extent))], "rgb", SCALE, SHIFT)
    with pytest.raises(InputError, match="other components cannot be converted to luma"):
        cpu.render([replace(image, color="other")], [whole], "luma", [1.0], [0.0])
    with pytest.raises(InputError, match=r"needs 8×8 frequencies.*keep=3"):
        cpu.render([picture("4:2:0", (20, 30), keep=3)], [whole], "rgb", SCALE, SHIFT)
