"""Reading Hugging Face's image processors: the results are those of the processors on floats."""

import pytest
import torch

import jpegdomain as jd
from jpegdomain import preprocess as ours
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError

from ..codec.oracle import jpeg, noise

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("transformers.image_processing_backends", reason="this transformers has other image processors")

SIZES = [(61, 83), (90, 47), (41, 41), (33, 130)]

PROCESSORS = {
    "ViT": lambda: transformers.ViTImageProcessor(size={"height": 40, "width": 48}),
    "CLIP": lambda: transformers.CLIPImageProcessor(size={"shortest_edge": 45}, crop_size={"height": 40, "width": 42}),
    "a crop of odd differences": lambda: transformers.CLIPImageProcessor(
        do_resize=False, crop_size={"height": 30, "width": 32}
    ),
    "a crop of more than there is": lambda: transformers.CLIPImageProcessor(
        size={"shortest_edge": 45}, crop_size={"height": 60, "width": 61}
    ),
    "bicubic": lambda: transformers.SiglipImageProcessor(size={"height": 40, "width": 48}, resample=3),
    "no mean and std": lambda: transformers.MobileNetV1ImageProcessor(
        size={"shortest_edge": 45}, crop_size={"height": 40, "width": 40}, do_normalize=False
    ),
    "levels": lambda: transformers.ViTImageProcessor(
        size={"height": 40, "width": 48}, do_rescale=False, do_normalize=False
    ),
    "another factor": lambda: transformers.ViTImageProcessor(
        size={"height": 40, "width": 48},
        rescale_factor=1 / 127.5,
        image_mean=[1.0, 1.0, 1.0],
        image_std=[1.0, 1.0, 1.0],
    ),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_processors(name):
    processor = PROCESSORS[name]()
    images = [jd.read_jpeg(jpeg(noise(*size, seed=i))) for i, size in enumerate(SIZES)]
    expected = []
    for image in images:
        levels = jd.decode_rgb(jd.collate([image]))[0]
        expected.append(
            processor(images=[levels], input_data_format="channels_first", return_tensors="pt").pixel_values[0]
        )
    recipe = ours.recipe_of(processor)
    pixels = Entry(3, recipe.mean, recipe.std, "pixels")(jd.collate(images, preprocess=processor, dtype=torch.float64))
    span = 255.0 if name == "levels" else 1.0
    torch.testing.assert_close(pixels, torch.stack(expected).double(), rtol=0, atol=2e-5 * span)


def test_a_processor_that_holds_one():
    class Both:
        image_processor = PROCESSORS["ViT"]()

    assert ours.recipe_of(Both()) == ours.recipe_of(Both.image_processor)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (transformers.ConvNextImageProcessor, "ConvNextImageProcessor cannot be read: it has a"),
        (transformers.EfficientNetImageProcessor, "EfficientNetImageProcessor cannot be read"),
        (lambda: transformers.ViTImageProcessor(resample=1), "ViTImageProcessor cannot be read: interpolation is"),
        (lambda: transformers.ViTImageProcessor(do_pad=True), "do_pad"),
        (
            lambda: transformers.ViTImageProcessor(size={"shortest_edge": 3, "longest_edge": 9}),
            "size is height and width",
        ),
    ],
)
def test_what_has_no_counterpart_is_named(make, message):
    with pytest.raises(InputError, match=message):
        ours.recipe_of(make())
