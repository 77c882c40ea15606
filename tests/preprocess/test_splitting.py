"""Pipelines of torchvision of which only the first steps can be read: the two parts together equal the whole."""

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as ours

from .pictures import picture

EXTENT = (46, 61)
FLOAT = torch.float64

PIPELINES = {
    "floats": (
        [v2.ToDtype(FLOAT, scale=True), v2.RandomResizedCrop(24), v2.GaussianBlur(3), v2.RandomHorizontalFlip()],
        2,
    ),
    "normalised": ([v2.ToDtype(FLOAT, scale=True), v2.Normalize([0.4], [0.2]), v2.CenterCrop(60), v2.Resize(9)], 2),
    "levels": ([v2.ToDtype(FLOAT), v2.Resize((20, 30)), nn.Sequential(v2.CenterCrop(9), v2.GaussianBlur(3))], 1),
    "erased": ([v2.ToDtype(FLOAT, scale=True), v2.RandomErasing(1.0), v2.RandomVerticalFlip()], 1),
    "nothing": ([v1.RandomRotation(10), v2.Resize(9)], 2),
    "all": ([v2.ToDtype(FLOAT, scale=True), v2.Resize(20), v2.RandomCrop(9)], 0),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_the_halves_are_the_whole(name):
    steps, left = PIPELINES[name]
    image = picture("4:2:0", EXTENT)
    # Within the range, where nothing is clamped when it is rounded to bytes.
    levels = jd.decode_rgb(jd.collate([image], dtype=FLOAT))[0]
    recipe, rest = ours.split_torchvision(v2.Compose(steps))
    mine = [type(step) for step in rest.transforms] if left else []
    assert len([kind for kind in mine if kind.__name__ != "AsBefore"]) == left
    given = levels.round().clamp(0, 255).to(torch.uint8) if name == "nothing" else levels
    torch.manual_seed(2)
    for number, step in enumerate(steps):
        # On floats that are levels.
        converts = isinstance(step, v2.ToDtype) and step.scale
        given = given / 255 if converts and number == 0 else step(given)
    torch.manual_seed(2)
    pixels = jd.PixelCollate(recipe, dtype=FLOAT)([image])[0]
    torch.testing.assert_close(rest(pixels), given, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:The transform `ToTensor", "ignore:The transform `PILToTensor")
@pytest.mark.parametrize("library", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("last", ["ToTensor", "PILToTensor"])
def test_the_rest_of_a_pipeline_of_pillow_images_takes_tensors(library, last):
    pipeline = library.Compose([library.CenterCrop(40), library.GaussianBlur(3, 0.8), getattr(library, last)()])
    recipe, rest = ours.split_torchvision(pipeline)
    image = picture("4:2:0", EXTENT)
    levels = jd.decode_rgb(jd.collate([image], dtype=FLOAT))[0].round().clamp(0, 255).to(torch.uint8)
    expected = pipeline(Image.fromarray(levels.permute(1, 2, 0).numpy()))
    got = rest(jd.PixelCollate(recipe)([image])[0])
    assert got.dtype == expected.dtype == (torch.float32 if last == "ToTensor" else torch.uint8)
    assert got.max() > (0.5 if last == "ToTensor" else 127)
    assert (got.double() - expected.double()).abs().max() <= (1.01 / 255 if last == "ToTensor" else 1)


def test_targets_go_through_both():
    steps = [
        v2.RandomHorizontalFlip(1.0),
        v2.Resize((30, 40)),
        v2.RandomRotation((30, 30)),
        v2.ToDtype(FLOAT, scale=True),
    ]
    recipe, rest = ours.split_torchvision(v2.Compose(steps))
    box = tv_tensors.BoundingBoxes([[3.0, 4.0, 20.0, 30.0]], format="XYXY", canvas_size=EXTENT)
    mask = tv_tensors.Mask(torch.arange(46 * 61).view(EXTENT))
    image = picture("4:2:0", EXTENT)
    pixels, targets = jd.PixelCollate(recipe)([(image, {"box": box, "mask": mask})])
    made, followed = rest(pixels[0], targets[0])
    assert made.dtype == FLOAT
    assert made.max() <= 1
    _, expected = v2.Compose(steps)(
        tv_tensors.Image(torch.zeros(3, *EXTENT, dtype=torch.uint8)), {"box": box, "mask": mask}
    )
    assert torch.equal(followed["mask"], expected["mask"])
    assert torch.equal(followed["box"], expected["box"])
