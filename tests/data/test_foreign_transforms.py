"""Transforms of torchvision on a batch, a record or an activation: they raise, or do what they say."""

import copy
import pickle

import pytest
import torch
from torch.utils import _pytree as pytree
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain.errors import InputError
from tests.data.conftest import files

LABELS = torch.arange(4)


def batches():
    """The same images with records, as tensors, and moved as a loader's worker moves them."""
    batch = jd.collate([jd.read_jpeg(data) for data in files(4, sizes=((32, 24),))])
    return {"records": batch, "tensors": batch.as_tensors(), "worker": pickle.loads(pickle.dumps(batch))}


@pytest.mark.parametrize("form", ["records", "tensors", "worker"])
@pytest.mark.parametrize("transform", [v2.MixUp(num_classes=4), v2.CutMix(num_classes=4)])
def test_mixing_a_batch_raises(form, transform):
    # It would mix the labels and leave the images.
    with pytest.raises(InputError, match=f"{type(transform).__name__} does not know JpegBatch.*read_pixels"):
        transform(batches()[form], LABELS)


IMAGES_ONLY = [
    v2.ColorJitter(0.5),
    v2.Normalize([0.5], [0.5]),
    v2.RandomHorizontalFlip(0.0),
    v2.RandomVerticalFlip(1.0),
    v2.Resize(16),
    v2.RandomResizedCrop(16),
    v2.RandomErasing(0.0),
    v2.ToDtype(torch.float32, scale=True),
    v2.ToImage(),
    v2.PILToTensor(),
    v2.GaussianBlur(3),
    v2.AutoAugment(),
    v2.RandAugment(),
    v2.Compose([v2.Identity(), v2.CenterCrop(8)]),
    v2.RandomApply([v2.CenterCrop(8)], p=1.0),
]


@pytest.mark.parametrize("transform", IMAGES_ONLY, ids=lambda transform: type(transform).__name__)
def test_every_transform_of_images_raises(transform):
    batch = batches()["records"]
    for given in (batch, batch.as_tensors(), batch.records.images[0], jd.encode(torch.rand(1, 3, 16, 16))):
        for inputs in ((given,), (given, 3), ({"image": given, "label": LABELS},)):
            with pytest.raises(InputError, match=f"does not know {type(given).__name__}"):
                transform(*inputs)


@pytest.mark.parametrize(
    "transform", [v1.ColorJitter(0.5), v1.Normalize([0.5], [0.5]), v1.RandomHorizontalFlip(1.0), v1.Resize(16)]
)
def test_transforms_of_version_1_raise(transform):
    batch = batches()["records"]
    for given in (batch, batch.records.images[0]):
        with pytest.raises(TypeError):
            transform(given)


def test_transforms_that_leave_pixels_alone_work():
    batch = batches()["records"]
    boxes = tv_tensors.BoundingBoxes([[1, 2, 3, 4.0]], format="XYXY", canvas_size=(32, 24))
    image, converted = v2.ConvertBoundingBoxFormat("CXCYWH")(batch, boxes)
    assert type(image) is jd.JpegBatch
    assert len(image) == 4
    assert converted.tolist() == [[2, 3, 2, 2]]
    assert len(v2.Identity()(batch)) == 4
    labels = torch.tensor([7])
    image, target = v2.SanitizeBoundingBoxes()(batch, {"boxes": boxes, "labels": labels})
    assert len(image) == 4
    assert target["labels"].tolist() == [7]


def test_a_users_own_transform_works():
    class Halve(v2.Transform):
        _transformed_types = (jd.JpegBatch,)

        def transform(self, inpt, params):
            return inpt.to(torch.bfloat16)

    batch = batches()["records"]
    half, labels = Halve()(batch, LABELS)
    assert type(half) is jd.JpegBatch
    assert half.dtype == torch.bfloat16
    assert labels is LABELS
    assert v2.Lambda(lambda x: x)(batch).extent == batch.extent


def test_nothing_has_changed_for_other_users_of_pytrees():
    batch = batches()["records"]
    image = batch.records.images[0]
    for given in (batch, image):
        leaves, structure = pytree.tree_flatten({"x": given, "y": 1})
        assert len(leaves) == len(pytree.tree_flatten_with_path({"x": given, "y": 1})[0]) == 2
        assert isinstance(leaves[0], type(given))
        back = pytree.tree_unflatten(leaves, structure)["x"]
        assert type(back) is type(given)
        assert vars(back) == vars(given)
        # What a function of leaves gets can be copied and sent, as itself.
        for copied in (copy.copy(leaves[0]), pickle.loads(pickle.dumps(leaves[0]))):
            assert type(copied) is type(given)
    moved = pytree.tree_map(lambda x: x.to(torch.float64), {"x": batch})["x"]
    assert moved.dtype == torch.float64
    assert type(moved) is jd.JpegBatch
    assert pytree.tree_map(lambda x: 3, batch) == 3
