"""Reading timm's pipelines and settings: the results are those of timm's transforms on floats."""

import pytest
import torch

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise

timm_data = pytest.importorskip("timm.data", reason="timm is not installed")
timm_transforms = pytest.importorskip("timm.data.transforms", reason="timm is not installed")

SIZES = [(61, 83), (90, 47), (40, 40), (33, 130)]
FLOAT = torch.float64


def config(**settings):
    return {"input_size": (3, 48, 56), "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25), "crop_pct": 0.9, **settings}


CONFIGS = {
    "centre, bicubic": config(interpolation="bicubic", crop_mode="center"),
    "square": config(input_size=(3, 40, 40), crop_pct=0.875, interpolation="bilinear"),
    "squash": config(crop_mode="squash", interpolation="bilinear"),
    "border": config(crop_mode="border", crop_pct=1.0, interpolation="bicubic"),
    "larger": config(input_size=(3, 150, 150), crop_pct=1.0, interpolation="bicubic"),
}


def by_timm(pipeline, image):
    levels = jd.decode_rgb(jd.collate([image], dtype=FLOAT))[0]
    resize, crop, *rest = pipeline.transforms
    if isinstance(crop, timm_transforms.CenterCropOrPad):
        # torchvision pads tensors by one number only.
        parts = zip(resize(levels).split(1), crop.fill, strict=True)
        padded = [timm_transforms.center_crop_or_pad(part, crop.size, fill=fill) for part, fill in parts]
        return rest[-1](torch.cat(padded) / 255)
    return pipeline(levels / 255)


@pytest.mark.parametrize("name", CONFIGS)
def test_settings_and_pipeline_for_inference(name):
    pipeline = timm_data.create_transform(**CONFIGS[name])
    images = [jd.read_jpeg(jpeg(noise(*size, seed=i))) for i, size in enumerate(SIZES)]
    expected = torch.stack([by_timm(pipeline, image) for image in images])
    for given in (CONFIGS[name], pipeline):
        recipe = ours.recipe_of(given)
        batch = jd.collate(images, preprocess=given, dtype=FLOAT)
        pixels = Entry(3, recipe.mean, recipe.std, "pixels")(batch)
        torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-9)


def test_resizing_between_both_sides():
    for longest in (0.0, 0.3, 1.0):
        step = timm_transforms.ResizeKeepRatio((48, 56), longest=longest, interpolation="bicubic")
        for i, size in enumerate(SIZES):
            image = jd.read_jpeg(jpeg(noise(*size, seed=i)))
            levels = jd.decode_rgb(jd.collate([image], dtype=FLOAT))[0]
            pixels = jd.decode_rgb(jd.collate([image], preprocess=ours.recipe_of(step), dtype=FLOAT))[0]
            torch.testing.assert_close(pixels, step(levels), rtol=0, atol=1e-9)


def test_pipeline_for_training():
    pipeline = timm_data.create_transform((3, 32, 32), is_training=True, color_jitter=None, interpolation="bilinear")
    recipe = ours.recipe_of(pipeline)
    assert recipe.transform == ours.Compose([ours.RandomResizedCrop((32, 32)), ours.RandomHorizontalFlip()])
    assert recipe.mean == pytest.approx((0.485, 0.456, 0.406))


def test_with_a_prefetcher_the_pipeline_gives_levels():
    recipe = ours.recipe_of(timm_data.create_transform((3, 32, 32), use_prefetcher=True))
    assert (recipe.mean, recipe.std, recipe.normalisation) == ((0.0,), (1 / 255,), None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: timm_data.create_transform((3, 32, 32), is_training=True, auto_augment="rand-m9"), "RandAugment"),
        (
            lambda: timm_transforms.RandomResizedCropAndInterpolation(32, interpolation="random"),
            "random interpolation",
        ),
        (timm_transforms.ToNumpy, "ToNumpy cannot be read"),
        (lambda: timm_transforms.ResizeKeepRatio(32, random_scale_prob=0.5), "random scale and aspect"),
        (lambda: {"size": 224}, "resolve_data_config.*'size'"),
    ],
)
def test_what_has_no_counterpart_is_named(make, message):
    with pytest.raises(InputError, match=message):
        ours.recipe_of(make())
