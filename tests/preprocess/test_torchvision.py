"""Reading torchvision's pipelines: the results are the same, on floating-point images."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
FLOAT = torch.float64

PIPELINES = {
    "v2": v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(40, antialias=True),
            v2.CenterCrop(50),
            v2.ToDtype(FLOAT, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    ),
    "v1, training": v1.Compose(
        [
            v1.RandomResizedCrop(24, interpolation=InterpolationMode.BICUBIC),
            v1.RandomHorizontalFlip(),
            v1.RandomVerticalFlip(0.7),
            v1.ConvertImageDtype(FLOAT),
            v1.Normalize(MEAN, STD),
        ]
    ),
    "fills in levels": nn.Sequential(
        v2.Pad((1, 2, 3, 4), fill=100), v2.RandomCrop(70, (9, 8), True), v2.ConvertImageDtype(FLOAT)
    ),
    "fills in 0…1": v2.Compose(
        [
            v2.ToDtype(FLOAT, scale=True),
            v2.Pad([3], fill=[0.125, 0.25, 0.5]),
            v1.RandomCrop(20, padding=(1, 2)),
            v2.RGB(),
        ]
    ),
    "never scaled": v2.Compose([v2.ToDtype(FLOAT), v2.Resize((20, 30)), v2.Normalize([100, 110, 120], [50, 60, 70])]),
    "neither": v2.Compose([v2.ToDtype(FLOAT), v2.Resize(20, max_size=23), v2.CenterCrop(20)]),
    "resized after normalising": v2.Compose(
        [v2.ToDtype(FLOAT, scale=True), v2.Normalize(MEAN, STD), v2.Resize(size=[30]), v2.RandomResizedCrop(9)]
    ),
    "colours": v2.Compose(
        [
            v2.RandomResizedCrop(24),
            v1.RandomGrayscale(0.5),
            v2.RandomChannelPermutation(),
            v2.ToDtype(FLOAT, scale=True),
            v1.ColorJitter((0.5, 0.75), (0.25, 0.5), 0.25),
            v1.RandomErasing(0.8, value=(0.125, 0.25, 0.5)),
            v2.ColorJitter(brightness=0.5, saturation=0.5),
            v2.RandomErasing(0.8, value=0.25),
            v2.Normalize(MEAN, STD),
            v2.RandomErasing(0.8, value=0),
            v2.RandomErasing(0.8, value=(0.5, 0.25, -0.5)),
            v1.RandomErasing(0.8, value="random"),
        ]
    ),
    "colours on bytes": v2.Compose(
        [
            v2.Resize((20, 21)),
            v2.Grayscale(3),
            v1.RandomErasing(0.8, value=(32, 64, 128)),
            v2.ToDtype(FLOAT, scale=True),
            v2.RandomInvert(0.6),
            v2.RandomErasing(0.8, value="random"),
            v2.ClampBoundingBoxes(),
        ]
    ),
    "colours, perhaps": v2.Compose(
        [
            v2.ToDtype(FLOAT, scale=True),
            v2.RandomApply([v2.ColorJitter(0.25, 0.25, 0.25)], p=0.5),
            v1.RandomApply([v2.CenterCrop(40), v2.RandomApply([v2.RandomInvert()])], p=0.75),
            v2.RandomCrop(30),
            v2.RandomApply(nn.ModuleList([v2.RandomErasing(0.75)])),
        ]
    ),
    "scaled once": v2.Compose(
        [v2.ToDtype(FLOAT, scale=True), v2.ToDtype(FLOAT, scale=True), v2.Identity(), v2.CenterCrop((8, 9))]
    ),
}


def on_floats(pipeline, levels):
    """Run a pipeline for uint8 images on levels that are already floats: conversions only divide."""
    if isinstance(pipeline, v1.Compose | v2.Compose | nn.Sequential):
        floating = False
        for step in getattr(pipeline, "transforms", pipeline):
            if isinstance(step, v2.ToDtype | v1.ConvertImageDtype | v2.ConvertImageDtype):
                levels = levels / 255 if getattr(step, "scale", True) and not floating else levels
                floating = True
            else:
                levels = step(levels)
        return levels
    raise TypeError(pipeline)


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines(name):
    pixels = [noise(*size, seed=i) for i, size in enumerate([(61, 83), (90, 47)])]
    if "colours" in name:
        # Low contrast, so that torchvision has nothing to clamp.
        pixels = [(80 + 0.25 * one).astype(np.uint8) for one in pixels]
    images = [jd.read_jpeg(jpeg(one)) for one in pixels]
    recipe = ours.from_torchvision(PIPELINES[name])
    for seed in range(8 if "perhaps" in name else 1):
        torch.manual_seed(3 + seed)
        expected = [on_floats(PIPELINES[name], jd.decode_rgb(jd.collate([image], dtype=FLOAT))[0]) for image in images]
        torch.manual_seed(3 + seed)
        batch = jd.collate(images, preprocess=recipe.transform, dtype=FLOAT)
        pixels = Entry(3, recipe.mean, recipe.std, "pixels")(batch)
        torch.testing.assert_close(pixels, torch.stack(expected), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "weights",
    [
        torchvision.models.ResNet18_Weights.IMAGENET1K_V1,
        torchvision.models.ResNet50_Weights.IMAGENET1K_V2,
        torchvision.models.EfficientNet_B0_Weights.IMAGENET1K_V1,
    ],
    ids=str,
)
def test_presets_of_pretrained_weights(weights):
    preset = weights.transforms()
    recipe = ours.from_torchvision(preset)
    image = jd.read_jpeg(jpeg(noise(211, 300)))
    levels = jd.decode_rgb(jd.collate([image], dtype=FLOAT))
    # The preset itself, except for its conversion to float32.
    resized = v1.functional.resize(levels, preset.resize_size, preset.interpolation, antialias=preset.antialias)
    cropped = v1.functional.center_crop(resized, preset.crop_size)
    expected = v1.functional.normalize(cropped / 255, preset.mean, preset.std)
    batch = jd.collate([image], preprocess=recipe.transform, dtype=FLOAT)
    pixels = Entry(3, recipe.mean, recipe.std, "pixels")(batch)
    torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-9)
    whole = preset((levels / 255).float())
    assert (pixels - whole).abs().max() < 1e-4


def test_a_converted_model_carries_its_preprocess():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=5).eval().double()
    preset = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms(crop_size=48, resize_size=56)
    images = [jd.read_jpeg(jpeg(noise(*size, seed=i))) for i, size in enumerate([(61, 83), (90, 47), (56, 56)])]
    for plan in ("transform", "fused"):
        converted = jd.convert(model, preprocess=preset, plan=plan)
        assert converted.preprocess == ours.Compose([ours.Resize(56), ours.CenterCrop(48)])
        batch = jd.collate(images, preprocess=converted.preprocess, dtype=FLOAT)
        assert jd.verify(model, converted, batch).passes(1e-9)
        with torch.no_grad():
            assert torch.equal(converted(images), converted(batch))


def test_mean_and_std_are_not_given_twice():
    model = nn.Sequential(nn.Conv2d(3, 2, 3))
    preset = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    with pytest.raises(ValueError, match="the preprocess has its own mean and std"):
        jd.convert(model, preprocess=preset, mean=0.5)
    converted = jd.convert(model, preprocess=ours.Resize(24), mean=0.5, std=0.25)
    assert converted.jpeg_entry.mean.tolist() == [0.5]
    assert converted.preprocess == ours.Resize(24)
    assert jd.convert(model).preprocess is None


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (v2.Compose([v2.Resize(24), v2.GaussianBlur(3)]), "GaussianBlur cannot be read: it has no counterpart"),
        (
            v2.RandomApply([v2.ToDtype(FLOAT, scale=True)]),
            "RandomApply cannot be read: it converts or normalises images at random",
        ),
        (v2.Compose([v2.RandomApply([v2.RandomErasing()]), v2.Pad(1)]), "Pad moves pixels: put it before"),
        (v2.Compose([v2.Pad(1), v2.RandomApply([v2.JPEG(50)])]), "RandomApply changes the file's own coefficients"),
        (v2.ColorJitter(hue=0.1), "ColorJitter cannot be read: its hue is not linear: run it after the pixels"),
        (
            v2.Compose([v2.RandomErasing(), v1.ColorJitter(0, 1)]),
            "ColorJitter takes the mean of all pixels: put it before",
        ),
        (v1.Grayscale(), "Grayscale cannot be read: it returns one channel"),
        (
            v2.Compose([v2.Normalize(MEAN, STD), v2.RandomGrayscale()]),
            "RandomGrayscale cannot be read.*put it before Normalize",
        ),
        (v2.Compose([v2.ToDtype(FLOAT), v2.ColorJitter(0.1)]), "ColorJitter cannot be read: torchvision clamps"),
        (
            v2.Compose([v2.RandomErasing(), v2.CenterCrop(3)]),
            "CenterCrop moves pixels: put it before RandomErasing",
        ),
        (v1.Compose([v1.ToTensor(), v1.Lambda(abs)]), "Lambda cannot be read"),
        (v2.Compose([v2.ToDtype(torch.float32), v2.ToDtype(torch.uint8)]), "ToDtype cannot be read.*not converted"),
        (v2.Compose([v2.Normalize(MEAN, STD), v2.Normalize(MEAN, STD)]), "Normalize cannot be read: it occurs twice"),
        (v2.Compose([v2.Normalize(MEAN, STD), v2.CenterCrop(8)]), "CenterCrop cannot be read.*put it before Normalize"),
        (v2.Pad(1, fill={tv_tensors.Mask: 3}), "Pad cannot be read: it has settings only for other types"),
        (torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms, "be called first"),
        (3, "int cannot be read"),
    ],
)
def test_other_steps_are_named(pipeline, message):
    with pytest.raises(InputError, match=message):
        ours.from_torchvision(pipeline)


class Unchanged(v2.Resize):
    def transform(self, inpt, params):
        return inpt


class Reversed(v1.Normalize):
    def forward(self, tensor):
        return -super().forward(tensor)


class Renamed(v2.Resize):
    """Computes what its base computes."""


def test_a_class_that_computes_something_else_than_its_base_is_not_read_as_its_base():
    for step, own in (
        (Unchanged(9), "a Resize with a transform"),
        (Reversed([0.5], [0.5]), "a Normalize with a forward"),
    ):
        with pytest.raises(InputError, match=f"{type(step).__name__} cannot be read: it is {own} of its own"):
            ours.from_torchvision(v2.Compose([step]))
    assert str(ours.from_torchvision(Renamed(9))) == str(ours.from_torchvision(v2.Resize(9)))
