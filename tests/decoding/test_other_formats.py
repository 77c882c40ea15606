"""PNG and WebP files among JPEG files: the same preprocess, against torchvision's v2 on their levels in float64."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.errors import (
    ExtentMismatchError,
    JpegFileError,
    JpegTooLargeError,
    LeftOutWarning,
    NotJpegError,
    UnsupportedJpegError,
)
from tests.codec.oracle import noise
from tests.data.conftest import files

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
STEPS = [v2.Resize(24, antialias=True), v2.Pad(2, fill=90), v2.CenterCrop((30, 22))]
PIPELINE = v2.Compose([*STEPS, v2.ToDtype(torch.float64, scale=True), v2.Normalize(MEAN, STD)])


def encoded(levels, kind, mode=None):
    with io.BytesIO() as file:
        image = Image.fromarray(levels) if mode is None else Image.fromarray(levels).convert(mode)
        image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
        return file.getvalue()


LEVELS = [noise(*size, 3, seed=i) for i, size in enumerate([(41, 30), (26, 77), (64, 64)])]
OTHERS = [encoded(LEVELS[0], "PNG"), encoded(LEVELS[1], "WEBP"), encoded(LEVELS[2], "PNG", "L")]
MIXED = [files(3)[0], OTHERS[0], OTHERS[1], files(3)[1], OTHERS[2], files(3)[2]]


def oracle(preprocess=STEPS):
    gray = np.array(Image.fromarray(LEVELS[2]).convert("L"))
    pictures = [torch.from_numpy(one).permute(2, 0, 1) for one in LEVELS[:2]] + [
        torch.from_numpy(gray).expand(3, -1, -1)
    ]
    jpegs = [jd.decode_rgb(jd.collate([jd.read_jpeg(one)], dtype=torch.float64))[0] for one in files(3)]
    levels = [jpegs[0], pictures[0], pictures[1], jpegs[1], pictures[2], jpegs[2]]
    made = torch.stack([v2.Compose(preprocess)(one.double()) for one in levels])
    return v2.functional.normalize(made / 255, MEAN, STD)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-9), (torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_pixels_of_all_of_them(dtype, atol):
    pixels = jd.read_pixels(MIXED, preprocess=PIPELINE, dtype=dtype, other_formats=True)
    torch.testing.assert_close(pixels.double(), oracle(), rtol=0, atol=atol)
    last = {"memory_format": torch.channels_last}
    again = jd.read_pixels(MIXED, preprocess=PIPELINE, dtype=dtype, other_formats=True, **last)
    assert again.is_contiguous(**last)
    torch.testing.assert_close(again, pixels, rtol=0, atol=atol / 10)
    alone = jd.read_pixels(OTHERS, preprocess=PIPELINE, dtype=dtype, other_formats=True)
    torch.testing.assert_close(alone, pixels[[1, 2, 4]], rtol=0, atol=0)


def test_levels_of_a_png_file_are_unchanged():
    pixels = jd.read_pixels([OTHERS[0]], dtype=torch.uint8, other_formats=True)
    assert np.array_equal(pixels[0].permute(1, 2, 0).numpy(), LEVELS[0])


def test_sixteen_bits_and_transparency():
    wide = (noise(20, 30, 1)[..., 0].astype(np.uint16) * 257) + 3
    pixels = jd.read_pixels([encoded(wide, "PNG")], mean=0, std=1 / 255, dtype=torch.float64, other_formats=True)
    expected = torch.from_numpy(wide.astype(np.float64) / 257).expand(3, -1, -1)
    # The file's levels are those of Pillow's mode for 16 bits.
    torch.testing.assert_close(pixels[0], expected, rtol=0, atol=1e-4)
    clear = np.concatenate([LEVELS[0], np.zeros_like(LEVELS[0][..., :1])], 2)
    pixels = jd.read_pixels([encoded(clear, "PNG")], dtype=torch.uint8, other_formats=True)
    assert np.array_equal(pixels[0].permute(1, 2, 0).numpy(), LEVELS[0])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_that_of_pillow(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    with io.BytesIO() as file:
        Image.fromarray(LEVELS[0]).save(file, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
        data = file.getvalue()
    upright = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    (got,) = jd.read_pixels([data], dtype=torch.uint8, orient=True, other_formats=True)
    assert np.array_equal(got.permute(1, 2, 0).numpy(), upright)
    (as_stored,) = jd.read_pixels([data], dtype=torch.uint8, other_formats=True)
    assert np.array_equal(as_stored.permute(1, 2, 0).numpy(), LEVELS[0])
    steps = [v2.Resize((21, 17), antialias=True)]
    (small,) = jd.read_pixels([data], preprocess=steps[0], mean=0, std=1 / 255, orient=True, other_formats=True)
    expected = steps[0](torch.from_numpy(upright).permute(2, 0, 1).float())
    torch.testing.assert_close(small, expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "lossy", "extended", "GIF"])
def test_too_many_pixels_are_refused_before_anything_is_decoded(kind):
    image = Image.fromarray(LEVELS[0])
    with io.BytesIO() as file:
        if kind in {"lossy", "extended"}:
            image.save(file, "WEBP", **({"icc_profile": b"x" * 40} if kind == "extended" else {}))
        else:
            image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
        data = file.getvalue()
    count = 41 * 30
    assert jd.read_pixels([data], max_pixels=count, other_formats=True).shape == (1, 3, 41, 30)
    with pytest.raises(JpegTooLargeError, match="41×30 pixels are more than max_pixels, 1229"):
        jd.read_pixels([data], max_pixels=count - 1, other_formats=True)


@pytest.mark.parametrize("workers", [0, 1])
def test_loaders(tmp_path, workers):
    for number, data in enumerate(MIXED):
        path = (
            tmp_path
            / "class"
            / f"{number}.{'jpg' if data[:1] == bytes([255]) else 'png' if data[:1] != b'R' else 'webp'}"
        )
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    assert len(jd.JpegFolder(tmp_path)) == 3
    folder = jd.JpegFolder(tmp_path, other_formats=True, preprocess=PIPELINE)
    items = [(data, 0) for data in MIXED]
    collate = jd.PixelCollate(PIPELINE, dtype=torch.float64, other_formats=True)
    for dataset in (folder, items):
        parts = list(DataLoader(dataset, 4, collate_fn=collate, num_workers=workers))
        torch.testing.assert_close(torch.cat([pixels for pixels, _ in parts]), oracle(), rtol=0, atol=1e-9)
    for threads in (0, 2):
        parts = list(jd.loader(folder, 4, collate_fn=collate, threads=threads))
        torch.testing.assert_close(torch.cat([pixels for pixels, _ in parts]), oracle(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "step", [pp.Rotate90(1), pp.Transpose(), pp.ColorJitter(0.4, 0.4, 0.4, 0.1), pp.RandomErasing(1.0, value=7.0)]
)
def test_every_transform_does_the_same_to_both(step):
    # A JPEG file without chroma, of smooth content at quality 100, and its own levels as a PNG file.
    data = encoded(np.full((40, 56), 90, np.uint8) + np.arange(56, dtype=np.uint8), "JPEG")
    jpeg = jd.read_jpeg(data)
    levels = jd.decode_rgb([jpeg])[0]
    picture = jd.data.other_formats.PixelImage(levels, "levels")
    preprocess = pp.Compose([pp.Resize((30, 44)), step])
    pair = [
        jd.read_pixels([one], preprocess=preprocess, dtype=torch.float32, generator=torch.Generator().manual_seed(2))
        for one in (jpeg, picture)
    ]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-4)


def test_targets_follow_images_of_every_format():
    sizes = [(24, 40), (41, 30), (26, 77), (17, 31), (64, 64), (40, 16)]
    boxes = [tv_tensors.BoundingBoxes([[2.0, 3, 9, 11]], format="XYXY", canvas_size=size) for size in sizes]
    flip = pp.Compose([pp.RandomHorizontalFlip(1.0), pp.Resize((20, 20))])
    _, moved = jd.PixelCollate(flip, other_formats=True)(list(zip(MIXED, boxes, strict=True)))
    for (height, width), box in zip(sizes, moved, strict=True):
        expected = [20 * (width - 9) / width, 20 * 3 / height, 20 * (width - 2) / width, 20 * 11 / height]
        torch.testing.assert_close(box.as_subclass(torch.Tensor)[0], torch.tensor(expected), rtol=0, atol=1e-4)


def test_random_draws_are_repeated():
    random = pp.Compose([pp.RandomResizedCrop(16), pp.RandomHorizontalFlip()])
    both = [
        jd.read_pixels(MIXED, preprocess=random, other_formats=True, generator=torch.Generator().manual_seed(4))
        for _ in range(2)
    ]
    assert torch.equal(*both)


def test_refusals(tmp_path):
    with pytest.raises(NotJpegError, match=r"sources\[1\]"):
        jd.read_pixels(MIXED, preprocess=PIPELINE)
    with pytest.raises(JpegFileError, match=r"sources\[1\].*not a JPEG, PNG, WebP or GIF file"):
        jd.read_pixels([OTHERS[0], b"something else"], preprocess=PIPELINE, other_formats=True)
    with pytest.raises(ExtentMismatchError, match="must have one size"):
        jd.read_pixels([files(1)[0], OTHERS[0]], other_formats=True)
    with pytest.raises(ExtentMismatchError, match="one size"):
        jd.read_pixels(OTHERS[:2], other_formats=True)
    dataset = jd.JpegDataset(MIXED, preprocess=PIPELINE, other_formats=True)
    with pytest.raises(UnsupportedJpegError, match="not a JPEG file, so it has no coefficients"):
        list(jd.loader(dataset, 6))
    damaged = [*MIXED, OTHERS[0][:60]]
    with pytest.warns(LeftOutWarning, match="item 6"):
        ((_, labels),) = DataLoader(
            jd.JpegDataset(damaged, on_error="skip", other_formats=True), 7, collate_fn=jd.PixelCollate(PIPELINE)
        )
    assert labels.tolist() == list(range(6))
    # Too small for a crop, as a JPEG file would be.
    small = pp.RandomCrop(28)
    with pytest.raises(ExtentMismatchError, match="RandomCrop"):
        jd.read_pixels([OTHERS[1]], preprocess=small, other_formats=True)
