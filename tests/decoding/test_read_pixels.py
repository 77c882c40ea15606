"""`read_pixels` and `PixelCollate` against torchvision's v2 on the float decoding, one image at a time."""

import io

import numpy as np
import pytest
import torch
import torchvision
from torch.utils.data import DataLoader, IterableDataset, Subset
from torchvision.io import decode_jpeg
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as pp
from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD
from jpegdomain.errors import ExtentMismatchError, InputError, JpegFileError, LeftOutWarning, TruncatedJpegError
from tests.codec.exif import oriented
from tests.codec.oracle import jpeg, noise
from tests.data.conftest import files

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
V2 = v2.Compose(
    [
        v2.Resize(24, antialias=True),
        v2.CenterCrop((20, 22)),
        v2.ToDtype(torch.float64, scale=True),
        v2.Normalize(MEAN, STD),
    ]
)
OURS = pp.Compose([pp.Resize(24), pp.CenterCrop((20, 22))])


def levels_of(data):
    """A file's levels in float64, (1, 3, h, w)."""
    return jd.decode_rgb(jd.collate([jd.read_jpeg(data)], dtype=torch.float64))


def oracle(data):
    """Resized and cropped levels, by torchvision."""
    return torch.cat([v2.functional.center_crop(v2.functional.resize(levels_of(one), 24), (20, 22)) for one in data])


def normalised(levels, mean=MEAN, std=STD):
    mean, std = (torch.tensor(values, dtype=torch.float64).view(-1, 1, 1) for values in (mean, std))
    return (levels / 255 - mean) / std


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-9), (torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_normalised_pixels(dtype, atol, memory_format):
    data = files(7)
    pixels = jd.read_pixels(data, preprocess=V2, dtype=dtype, memory_format=memory_format)
    assert pixels.dtype == dtype
    assert pixels.is_contiguous(memory_format=memory_format)
    torch.testing.assert_close(pixels.double(), normalised(oracle(data)), rtol=0, atol=atol)
    same = jd.read_pixels(data, preprocess=OURS, mean=MEAN, std=STD, dtype=dtype)
    torch.testing.assert_close(same, pixels.contiguous(), rtol=0, atol=0)
    default = jd.read_pixels(data, preprocess=OURS, dtype=dtype)
    expected = normalised(oracle(data), IMAGENET_MEAN, IMAGENET_STD)
    torch.testing.assert_close(default.double(), expected, rtol=0, atol=atol)


def test_levels_are_rounded_and_clamped():
    data = [
        jpeg((255 * (noise(*size, 3, seed=i) > 127)).astype(np.uint8), quality=60)
        for i, size in enumerate([(24, 40), (33, 31)])
    ]
    levels = oracle(data)
    # There must be overshoot on both sides, or the test could not fail.
    assert levels.min() < -5
    assert levels.max() > 260
    for preprocess in (OURS, V2):
        pixels = jd.read_pixels(data, preprocess=preprocess, dtype=torch.uint8)
        assert pixels.dtype == torch.uint8
        far = (levels - levels.floor() - 0.5).abs() > 1e-3
        assert torch.equal(pixels.double()[far], levels.round().clamp(0, 255)[far])
    # A decoder with 8 bits is at most a few levels off, and half a level in the mean.
    eight = torch.stack(
        [
            V2.transforms[1](V2.transforms[0](decode_jpeg(torch.frombuffer(bytearray(one), dtype=torch.uint8))))
            for one in files(4)[:4]
        ]
    )
    mine = jd.read_pixels(files(4)[:4], preprocess=OURS, dtype=torch.uint8)
    assert (mine.double() - eight.double()).abs().mean() < 1


def test_a_pipeline_that_only_moves_pixels_gives_levels():
    data = files(3)
    pixels = jd.read_pixels(data, preprocess=v2.Compose(V2.transforms[:2]), dtype=torch.float64)
    torch.testing.assert_close(pixels, oracle(data), rtol=0, atol=1e-9)
    own = jd.read_pixels(data, preprocess=v2.Compose(V2.transforms[:2]), mean=MEAN, std=STD, dtype=torch.float64)
    torch.testing.assert_close(own, normalised(oracle(data)), rtol=0, atol=1e-9)


def test_every_kind_of_source(tmp_path):
    data = files(6)
    path = tmp_path / "first.jpg"
    path.write_bytes(data[0])
    sources = [
        path,
        data[1],
        np.frombuffer(data[2], np.uint8),
        torch.frombuffer(bytearray(data[3]), dtype=torch.uint8),
        io.BytesIO(data[4]),
        jd.read_jpeg(data[5]),
    ]
    expected = jd.read_pixels(data, preprocess=OURS)
    assert torch.equal(jd.read_pixels(iter(sources), preprocess=OURS, threads=2), expected)


def test_many_files_are_read_piece_by_piece():
    data = [files(6)[i % 6] for i in range(150)]
    random = pp.Compose([pp.RandomResizedCrop(16), pp.RandomHorizontalFlip()])
    for preprocess in (OURS, random):
        images = [jd.read_jpeg(one) for one in data]
        expected = jd.decode_rgb(jd.collate(images, preprocess=preprocess, generator=torch.Generator().manual_seed(1)))
        pixels = jd.read_pixels(
            data, preprocess=preprocess, mean=0, std=1 / 255, generator=torch.Generator().manual_seed(1)
        )
        torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-3)
        last = jd.read_pixels(
            data,
            preprocess=preprocess,
            mean=0,
            std=1 / 255,
            generator=torch.Generator().manual_seed(1),
            memory_format=torch.channels_last,
        )
        assert last.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(last, pixels, rtol=0, atol=1e-3)


def test_pixels_are_those_that_a_converted_model_sees():
    torch.manual_seed(0)
    head = [torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(16, 5)]
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), *head).eval().double()
    data = files(4, sizes=((70, 60), (64, 90)))
    for preprocess in (OURS, V2, torchvision.models.ResNet18_Weights.DEFAULT.transforms(crop_size=48, resize_size=50)):
        converted = jd.convert(model, preprocess=preprocess)
        pixels = jd.read_pixels(data, preprocess=preprocess, dtype=torch.float64)
        with torch.no_grad():
            torch.testing.assert_close(model(pixels), converted([jd.read_jpeg(one) for one in data]), rtol=0, atol=1e-9)


def test_only_the_frequencies_that_a_preprocess_needs_are_read(monkeypatch):
    data = [jpeg(noise(320, 400, 3, seed=i) // 4 + 90, quality=90) for i in range(2)]
    low = pp.Compose([pp.Resize(40), pp.CenterCrop(40)], low_frequencies=True)
    kept = []
    read = jd.data.reading.read_jpegs
    monkeypatch.setattr(
        jd.data.reading, "read_jpegs", lambda files, **options: kept.append(options["keep"]) or read(files, **options)
    )
    pixels = jd.read_pixels(data, preprocess=low, mean=0, std=1 / 255)
    assert kept
    assert max(kept) < 8
    images = [jd.read_jpeg(one) for one in data]
    torch.testing.assert_close(
        pixels, jd.decode_rgb(jd.collate(images, preprocess=pp.Compose(low.transforms))), rtol=0, atol=4.0
    )


def test_files_are_turned_upright():
    data = [oriented(one, 6) for one in files(3)]
    expected = torch.cat([levels_of(one).rot90(-1, (2, 3)) for one in data[:1]])
    pixels = jd.read_pixels(data[:1], orient=True, mean=0, std=1 / 255, dtype=torch.float64)
    torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-9)
    assert jd.read_pixels(data, preprocess=OURS).shape == (3, 3, 20, 22)


def test_refusals(tmp_path):
    data = files(70)
    for source in (data[0], str(tmp_path), tmp_path, jd.read_jpeg(data[0])):
        with pytest.raises(InputError, match="put it in a list"):
            jd.read_pixels(source)
    with pytest.raises(InputError, match="at least one"):
        jd.read_pixels([])
    with pytest.raises(InputError, match="the preprocess has its own"):
        jd.read_pixels(data, preprocess=V2, mean=0.5)
    with pytest.raises(InputError, match="mean must be one number or three, got 2"):
        jd.read_pixels(data, preprocess=OURS, mean=[1, 2])
    with pytest.raises(InputError, match="std must not contain a zero"):
        jd.read_pixels(data, preprocess=OURS, std=[1, 0, 2])
    with pytest.raises(InputError, match="uint8 pixels are levels"):
        jd.read_pixels(data, preprocess=OURS, mean=0.5, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"floating-point type or uint8, got torch.int32"):
        jd.read_pixels(data, dtype=torch.int32)
    with pytest.raises(InputError, match="memory_format must be"):
        jd.read_pixels(data, memory_format=torch.preserve_format)
    with pytest.raises(ExtentMismatchError, match="give collate a preprocess"):
        jd.read_pixels(data)
    same = [bytearray(files(1)[0])] * 64
    with pytest.raises(ExtentMismatchError, match=r"sources\[64\]: 17×31, but earlier images are 24×40"):
        jd.read_pixels([*same, files(2)[1]])
    with pytest.raises(TruncatedJpegError, match=r"sources\[66\]"):
        jd.read_pixels([*data[:66], data[0][:300]], preprocess=OURS)
    with pytest.raises(FileNotFoundError):
        jd.read_pixels([tmp_path / "none.jpg"])
    kept = jd.read_pixels([data[0][:-200]], preprocess=OURS, on_error="keep")
    assert kept.shape == (1, 3, 20, 22)


def test_decoding_a_list_works_or_says_why_not():
    images = [jd.read_jpeg(one) for one in files(3, sizes=((24, 24),))]
    assert torch.equal(jd.decode_rgb(images), jd.decode_rgb(jd.collate(images)))
    assert torch.equal(jd.decode_luma(images), jd.decode_luma(jd.collate(images)))
    with pytest.raises(InputError, match="list of bytes"):
        jd.decode_rgb(files(2))
    with pytest.raises(InputError, match="got Tensor"):
        jd.decode_rgb(torch.zeros(3))


class Stream(IterableDataset):
    """Yields pairs, one after another."""

    def __iter__(self):
        return iter([(one, number) for number, one in enumerate(files(7))])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_gives_pixels(workers):
    data = files(7)
    expected = jd.read_pixels(data, preprocess=V2)
    collate = jd.PixelCollate(V2)
    for dataset in (
        jd.JpegDataset(data),
        jd.JpegDataset(data, preprocess=OURS),
        Subset(jd.JpegDataset(data), range(7)),
        [(one, number) for number, one in enumerate(data)],
        [(jd.read_jpeg(one), number) for number, one in enumerate(data)],
        Stream(),
    ):
        parts = list(DataLoader(dataset, 4, collate_fn=collate, num_workers=workers))
        assert torch.equal(torch.cat([pixels for pixels, _ in parts]), expected)
        assert torch.cat([labels for _, labels in parts]).tolist() == list(range(7))


def test_the_data_sets_own_preprocess():
    data = files(5)
    ((pixels, _),) = DataLoader(jd.JpegDataset(data, preprocess=V2), 5, collate_fn=jd.PixelCollate())
    assert torch.equal(pixels, jd.read_pixels(data, preprocess=V2))
    own = jd.PixelCollate(dtype=torch.uint8, memory_format=torch.channels_last)
    ((pixels, _),) = DataLoader(jd.JpegDataset(data, preprocess=V2), 5, collate_fn=own)
    assert torch.equal(pixels, jd.read_pixels(data, preprocess=V2, dtype=torch.uint8))
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_dicts_triples_and_images_alone(tmp_path):
    data = files(4)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[0])
    expected = jd.read_pixels(data, preprocess=OURS)
    collate = jd.PixelCollate(OURS)
    images = [
        {"bytes": None, "path": str(path)},
        {"bytes": data[1], "path": None},
        {"bytes": data[2], "path": "c.jpg"},
        data[3],
    ]
    items = [{"image": image, "label": number, "id": f"x{number}"} for number, image in enumerate(images)]
    batch = collate(items)
    assert torch.equal(batch["pixel_values"], expected)
    assert batch["labels"].tolist() == [0, 1, 2, 3]
    assert batch["id"] == ["x0", "x1", "x2", "x3"]
    assert set(batch) == {"pixel_values", "labels", "id"}
    other = jd.PixelCollate(OURS, image="jpg", label="cls")
    batch = other([{"jpg": one, "cls": number} for number, one in enumerate(data)])
    assert torch.equal(batch["pixel_values"], expected)
    assert batch["labels"].tolist() == [0, 1, 2, 3]
    pixels, labels, weights = collate([(one, number, number / 2) for number, one in enumerate(data)])
    assert torch.equal(pixels, expected)
    assert labels.tolist() == [0, 1, 2, 3]
    assert weights.tolist() == [0, 0.5, 1, 1.5]
    assert torch.equal(collate(data), expected)
    named = jd.PixelCollate(OURS, as_dict=True)
    batch = named([(one, number) for number, one in enumerate(data)])
    assert set(batch) == {"pixel_values", "labels"}
    assert torch.equal(batch["pixel_values"], expected)
    assert batch["labels"].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match="these have length 3"):
        named([(one, 1, 2) for one in data])
    # The same items make a batch of coefficients.
    batch = jd.Collate(OURS)(items)
    assert isinstance(batch["pixel_values"], jd.JpegBatch)
    assert batch["labels"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"picture": b"", "label": 1}], r"no image under 'image', only the keys 'picture', 'label': .* image=…"),
        ([{"image": {"url": "x"}, "label": 1}], "'bytes' or 'path'; got the keys 'url'"),
        ([(files(1)[0], 1), {"image": files(1)[0]}], "all be tuples, all dicts"),
        ([(files(1)[0], 1), (files(1)[0], 1, 2)], "the same length"),
        ([(files(1)[0], None)], "entry 1 of the items cannot be combined into a batch"),
        ([{"image": files(1)[0], "box": [1]}, {"image": files(1)[0], "box": [1, 2]}], "the column 'box' cannot"),
        ([{"image": files(1)[0], "box": [1]}, {"image": files(1)[0]}], "same keys"),
        ([()], "an empty one"),
        ([], "at least one item"),
        ([(None, 1)], "read_jpeg takes a path"),
        ([(torch.zeros(3, 4, 4), 1)], "one-dimensional uint8"),
    ],
)
def test_items_that_cannot_be_a_batch(items, message):
    for collate in (jd.PixelCollate(OURS), jd.Collate(OURS)):
        with pytest.raises(InputError, match=message):
            collate(items)


def test_decoded_images_are_refused():
    image = pytest.importorskip("PIL.Image").new("RGB", (8, 8))
    with pytest.raises(InputError, match=r"decoded by Pillow.*datasets\.Image\(decode=False\)"):
        jd.PixelCollate(OURS)([{"image": image, "label": 1}])


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", [jd.PixelCollate, jd.Collate])
def test_files_left_out_are_reported_in_the_main_process(workers, kind):
    data = files(6)
    broken = [data[0], data[1][:200], data[2], b"no image", data[4], data[5]]
    items = [(one, number) for number, one in enumerate(broken)]
    with pytest.raises(JpegFileError, match="item 1 of the batch"):
        kind(OURS)(items)
    for dataset, collate in (
        (items, kind(OURS, on_error="skip")),
        (jd.JpegDataset(broken, on_error="skip"), kind(OURS)),
    ):
        with pytest.warns(LeftOutWarning) as warned:
            ((batch, labels),) = DataLoader(dataset, 6, collate_fn=collate, num_workers=workers)
        assert labels.tolist() == [0, 2, 4, 5]
        assert len(batch) == 4
        # Python 3.12 and newer also warn of forks.
        said = [str(one.message) for one in warned if one.category is LeftOutWarning]
        assert ["item 1" in one or "item 3" in one for one in said] == [True, True]
    if kind is jd.Collate:
        assert [report.item for report in batch.reports if report.left_out] == [1, 3]


def test_wrong_settings_are_refused_at_once():
    for settings, message in (
        ({"mean": [1, 2]}, "mean must be one number"),
        ({"dtype": torch.int64}, "floating-point type or uint8"),
        ({"on_error": "ignore"}, "on_error must be"),
        ({"memory_format": torch.preserve_format}, "memory_format"),
        ({"preprocess": v2.GaussianBlur(3)}, "GaussianBlur cannot be read"),
        ({"preprocess": V2, "std": 1}, "the preprocess has its own"),
    ):
        with pytest.raises(InputError, match=message):
            jd.PixelCollate(**settings)
