"""Batches without records, wherever they come from, are rendered from their memory like their records."""

import copy
import pickle

import pytest
import torch
from torch.utils.data import DataLoader

import jpegdomain as jd
from jpegdomain.data import Collate
from jpegdomain.decoding import affine, arrived, to_activation, to_pixels
from jpegdomain.functional import decode
from jpegdomain.preprocess import CenterCrop, Compose, Pad, RandomResizedCrop, Resize

from ..preprocess.pictures import expected, picture

SCALE, SHIFT = torch.tensor([0.017, 0.018, 0.019]), torch.tensor([-2.1, -2.0, -1.8])

PREPROCESSES = {
    "whole": None,
    "smaller": Compose([Resize(24), CenterCrop(20)]),
    "padded": Compose([Pad((3, 5, 7, 1), fill=(10, 20, 30)), Resize((30, 33))]),
    "outside": Compose([Resize(20), CenterCrop(40)]),
    "few frequencies": Compose([Resize(8), CenterCrop(7)], low_frequencies=True),
    "random": RandomResizedCrop(19, scale=(0.2, 1.0)),
}

WAYS = {
    "as tensors": jd.JpegBatch.as_tensors,
    "pickled": lambda batch: pickle.loads(pickle.dumps(batch)),
    "pickled twice": lambda batch: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(batch)))),
    "copied": copy.deepcopy,
    "pickled, to the CPU": lambda batch: pickle.loads(pickle.dumps(batch)).to("cpu"),
    "pinned": jd.JpegBatch.pin_memory,
}


@pytest.fixture(autouse=True)
def _pinning_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor.clone())


@pytest.fixture
def never_by_tensors(monkeypatch):
    def refuse(*_given, **_options):
        raise AssertionError("by tensors")

    monkeypatch.setattr(affine, "_by_tensors", refuse)


def images(name):
    if name == "whole":
        kinds = [(sampling, (40, 50)) for sampling in ("4:2:0", "gray", "4:4:4", "4:2:0")]
    else:
        kinds = [("4:2:0", (40, 50)), ("gray", (31, 60)), ("4:1:1", (66, 90)), ("4:2:0", (33, 35)), ("4:2:0", (40, 50))]
    made = [picture(*kind, seed) for seed, kind in enumerate(kinds)]
    return [*made, picture("4:4:4", kinds[0][1], 9, color="rgb")]


def batch(name):
    generator = torch.Generator().manual_seed(3)
    return jd.collate(images(name), preprocess=PREPROCESSES[name], generator=generator)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PREPROCESSES)
def test_equals_the_batch_that_it_was_made_of(name, way, never_by_tensors):
    here = batch(name)
    sent = WAYS[way](here)
    assert sent.records is None
    for target, channels in (("rgb", 3), ("luma", 1), ("ycbcr", 3)):
        for last in (False, True):
            given = target, SCALE[:channels], SHIFT[:channels]
            pixels = to_pixels(sent, *given, channels_last=last)
            assert torch.equal(pixels, to_pixels(here, *given, channels_last=last))
            assert pixels.stride() == to_pixels(here, *given, channels_last=last).stride()
    assert torch.equal(decode(to_activation(sent, "rgb")), decode(to_activation(here, "rgb")))


@pytest.mark.parametrize("name", [name for name in PREPROCESSES if name not in {"whole", "few frequencies"}])
def test_equals_dense_maps_of_the_float_decoding(name):
    here = batch(name)
    pixels = to_pixels(pickle.loads(pickle.dumps(here)), "rgb", SCALE, SHIFT).numpy()
    for image, geometry, result in zip(here.records.images, here.records.geometries, pixels, strict=True):
        reference = expected(image, geometry.map, SCALE.numpy(), SHIFT.numpy())
        assert abs(result - reference).max() < 1e-5 * 255 * 0.0175


def test_layouts_are_made_once_for_all_batches_that_arrive(monkeypatch):
    made = []
    layout = arrived.render_layout
    monkeypatch.setattr(arrived, "render_layout", lambda *given: made.append(1) or layout(*given))
    arrived._layouts.clear()
    for _ in range(3):
        to_pixels(pickle.loads(pickle.dumps(batch("smaller"))), "rgb")
    assert len(made) == len({(image.extent, image.sampling) for image in images("smaller")})
    to_pixels(pickle.loads(pickle.dumps(batch("random"))), "rgb")
    assert len(arrived._layouts) == len({(image.extent, image.sampling) for image in images("smaller")})


def test_other_maps_are_not_mistaken_for_those_of_an_earlier_batch():
    files = images("smaller")
    for size in (20, 21, 22, 20):
        here = jd.collate(files, preprocess=Compose([Resize(size + 4), CenterCrop(20)]))
        sent = pickle.loads(pickle.dumps(here))
        assert torch.equal(to_pixels(sent, "rgb"), to_pixels(here, "rgb"))


def test_a_batch_keeps_its_form_between_processes(never_by_tensors):
    here = batch("padded")
    sent = pickle.loads(pickle.dumps(here))
    assert torch.equal(sent.quantised, here.quantised)
    assert torch.equal(sent.steps, here.steps)
    for own, other in zip(sent.groups, here.groups, strict=True):
        assert (own.images, own.color, own.kinds) == (other.images, other.color, other.kinds)
        for plane, twin in zip(own.planes, other.planes, strict=True):
            assert plane.quantised.data_ptr() >= sent.quantised.data_ptr()
            assert torch.equal(plane.quantised, twin.quantised)
            assert torch.equal(plane.steps, twin.steps)
            assert (plane.extents, plane.upsampling, plane.dtype) == (twin.extents, twin.upsampling, twin.dtype)
            for axis, same in zip(plane.maps, twin.maps, strict=True):
                assert torch.equal(axis.weights, same.weights)
                assert torch.equal(axis.starts, same.starts)
                assert axis.taps == same.taps
    half = sent.to(torch.bfloat16)
    assert torch.equal(to_pixels(half, "rgb"), to_pixels(here, "rgb").to(torch.bfloat16))


@pytest.mark.parametrize("name", ["whole", "smaller", "random"])
def test_workers_give_the_same_pixels_as_the_main_process(name, never_by_tensors):
    items = [(image, number) for number, image in enumerate(images(name))]

    def batches(workers):
        torch.manual_seed(5)
        one = DataLoader(items, len(items), num_workers=workers, collate_fn=Collate(preprocess=PREPROCESSES[name]))
        (made,) = one
        return made

    here, (sent, labels) = batch(name), batches(1)
    assert sent.records is None
    assert labels.tolist() == [number for _, number in items]
    if name == "random":
        # The draws are the worker's own, so its maps are rendered from its tensors separately.
        here = sent.to(torch.float64)
        assert sent.groups[0].kinds[0] is None
        assert (to_pixels(sent, "rgb") - reference(here)).abs().max() < 1e-5 * 255
    else:
        assert torch.equal(to_pixels(sent, "rgb"), to_pixels(here, "rgb"))


def reference(batch):
    parts = [affine.mapped(group, 1 if group.color == "gray" else 3, transform=False) for group in batch.groups]
    result = torch.empty(len(batch), 3, *batch.extent, dtype=torch.float64)
    for group, planes in zip(batch.groups, parts, strict=True):
        mixed = torch.einsum("ck,nkhw->nchw", affine.mixing(group.color, "rgb", torch.float64, "cpu"), planes)
        result[list(group.images)] = mixed + 128
    return result
