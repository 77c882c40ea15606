"""The frontend: what it computes, and what its state keeps."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.frequency import (
    ChannelSet,
    Frontend,
    all_channels,
    fit_statistics,
    frequency_channels,
    published,
)
from jpegdomain.preprocess import CenterCrop

from ..preprocess.pictures import picture
from .naive import channels_of_images


@pytest.fixture(scope="module")
def images():
    return [picture("4:2:0", (41, 67), seed) for seed in range(4)]


@pytest.fixture(scope="module")
def statistics(images):
    return fit_statistics([jd.collate(images, dtype=torch.float64)], floor=0)


@pytest.mark.parametrize("selection", [published("24S"), published("24T").in_order("zigzag"), all_channels()])
def test_channels_are_normalised(images, statistics, selection):
    values = torch.from_numpy(channels_of_images(images))
    mean, std = values.mean((0, 2, 3), keepdim=True), values.std((0, 2, 3), correction=0, keepdim=True)
    reference = ((values - mean) / std)[:, list(selection.indices)]
    frontend = Frontend(selection, statistics)
    assert frontend.selection == selection
    for dtype, tolerance in ((torch.float64, 1e-5), (torch.float32, 1e-3)):
        batch = jd.collate(images, dtype=dtype)
        for x in (batch, batch.as_tensors(), jd.decode_rgb(batch)):
            result = frontend(x)
            assert result.dtype == dtype
            torch.testing.assert_close(result.double(), reference, rtol=0, atol=tolerance)


def test_without_statistics_channels_are_in_levels(images):
    batch = jd.collate(images)
    assert torch.equal(Frontend(published("24S"))(batch), frequency_channels(batch, published("24S")))


def test_statistics_of_the_selection_alone(images, statistics):
    selection = published("24D")
    whole, own = Frontend(selection, statistics), Frontend(selection, statistics.select(selection))
    assert torch.equal(whole(jd.collate(images)), own(jd.collate(images)))


def test_nearest_chroma(images):
    statistics = fit_statistics([jd.collate(images)], chroma="nearest")
    frontend = Frontend(published("24S"), statistics, chroma="nearest")
    batch = jd.collate(images)
    levels = frequency_channels(batch, published("24S"), chroma="nearest")
    result = frontend(batch) * frontend.std.view(-1, 1, 1) + frontend.mean.view(-1, 1, 1)
    torch.testing.assert_close(result, levels, rtol=0, atol=1e-2)
    with pytest.raises(InputError, match="chroma='nearest'"):
        frontend(jd.collate(images, preprocess=CenterCrop(16)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_after_normalising(images, statistics, dtype):
    frontend = Frontend(published("24S"), statistics)
    assert torch.equal(frontend(jd.collate(images, dtype=dtype)), frontend(jd.collate(images)).to(dtype))


def saved(module):
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_the_state_includes_the_statistics(images, statistics):
    network = nn.Sequential(Frontend(published("24S"), statistics), nn.Conv2d(24, 4, 1))
    other = nn.Sequential(Frontend(published("24S")), nn.Conv2d(24, 4, 1))
    other.load_state_dict(saved(network))
    assert torch.equal(other(jd.collate(images)), network(jd.collate(images)))


def test_the_state_of_other_channels_is_refused(statistics):
    state = saved(Frontend(published("24S"), statistics))
    for selection in (published("24T"), published("24S").in_order("zigzag"), published("48S")):
        with pytest.raises(InputError, match=r"this state is for 24S \(16\+4\+4 channels.*the frontend selects"):
            Frontend(selection).load_state_dict(state)
    with pytest.raises(InputError, match="chroma='exact', the frontend has chroma='nearest'"):
        Frontend(published("24S"), chroma="nearest").load_state_dict(state)
    own = ChannelSet.from_dict(state["_extra_state"]["selection"])
    Frontend(own).load_state_dict(state)


def test_copies_and_pickles(images, statistics):
    frontend = Frontend(published("24D"), statistics)
    batch = jd.collate(images)
    for again in (copy.deepcopy(frontend), pickle.loads(pickle.dumps(frontend))):
        assert again.selection == frontend.selection
        assert torch.equal(again(batch), frontend(batch))
    assert repr(frontend) == "Frontend(24D (14+5+5 channels of Y, Cb, Cr), chroma='exact')"


def test_a_compiled_network_takes_files_and_pixels(images, statistics):
    frontend = Frontend(published("24S"), statistics)
    torch.compiler.reset()
    compiled = torch.compile(frontend, backend="eager")
    batch = jd.collate(images)
    for x in (batch, batch.as_tensors(), jd.decode_rgb(batch)):
        torch.testing.assert_close(compiled(x), frontend(x))
    graph = torch.compile(frontend, backend="eager", fullgraph=True)
    torch.testing.assert_close(graph(jd.decode_rgb(batch)), frontend(batch), rtol=0, atol=1e-3)


def test_gradients_reach_pixels(images, statistics):
    pixels = jd.decode_rgb(jd.collate(images)).requires_grad_()
    Frontend(published("24S"), statistics)(pixels).square().sum().backward()
    assert pixels.grad.abs().max() > 0


def test_statistics_in_another_order_are_not_reordered_twice(statistics):
    selection = all_channels().in_order("zigzag")
    assert torch.equal(Frontend(selection, statistics.select(selection)).mean, Frontend(selection, statistics).mean)


def test_errors_say_what_is_wanted(statistics):
    with pytest.raises(InputError, match=r"published\('24S'\).*got int"):
        Frontend(24)
    with pytest.raises(InputError, match=r"selects 24T .*, its statistics are for ChannelSet.*name='24S'"):
        Frontend(published("24T"), statistics.select(published("24S")))
    with pytest.raises(InputError, match=r"chroma='nearest'.*chroma='exact': fit them with fit_statistics"):
        Frontend(published("24S"), statistics, chroma="nearest")
    with pytest.raises(InputError, match="'exact' or 'nearest'"):
        Frontend(published("24S"), statistics, chroma="linear")
