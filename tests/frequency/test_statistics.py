"""Streaming statistics against all channels of all images at once, in numpy."""

import json
import math

import numpy as np
import pytest
import torch

import jpegdomain as jd
from jpegdomain.errors import InputError, MissingPackageError
from jpegdomain.frequency import (
    ChannelStatistics,
    Frontend,
    fit_statistics,
    frequency_channels,
    published,
    published_statistics,
)
from jpegdomain.preprocess import Resize

from ..preprocess.pictures import picture
from .naive import channels_of_images, channels_of_pixels


def columns(channels):
    """(n, 192, X, Y) to (192, values)."""
    return np.moveaxis(np.asarray(channels), 1, 0).reshape(192, -1)


def batches():
    return [
        [picture("4:2:0", extent, seed) for seed in range(count)] for extent, count in (((20, 30), 3), ((41, 8), 2))
    ]


def test_every_block_of_every_batch_counts_alike():
    values = np.concatenate([columns(channels_of_images(images)) for images in batches()], axis=1)
    files = [jd.collate(images, dtype=torch.float64) for images in batches()]
    labelled = [(files[0], torch.zeros(3)), [files[1], torch.zeros(2)]]
    for given in (files, labelled, iter(files), [jd.decode_rgb(batch) for batch in files]):
        statistics = fit_statistics(given)
        assert statistics.count == values.shape[1] == 3 * 3 * 4 + 2 * 6
        np.testing.assert_allclose(statistics.mean.numpy(), values.mean(1), rtol=0, atol=1e-9)
        np.testing.assert_allclose(statistics.std.numpy(), values.std(1), rtol=0, atol=1e-9)
    single = fit_statistics([jd.collate(images) for images in batches()])
    assert (single.mean.dtype, single.std.dtype) == (torch.float64, torch.float64)
    np.testing.assert_allclose(single.std.numpy(), values.std(1), rtol=1e-5)


def test_statistics_are_for_the_requested_chroma():
    files = [jd.collate(images, dtype=torch.float64) for images in batches()]
    values = np.concatenate([columns(frequency_channels(batch, chroma="nearest")) for batch in files], axis=1)
    statistics = fit_statistics(files, chroma="nearest")
    np.testing.assert_allclose(statistics.mean.numpy(), values.mean(1), rtol=0, atol=1e-9)
    spread = values.std(1)
    # These tables quantise some frequencies to nothing.
    np.testing.assert_allclose(statistics.std.numpy(), np.where(spread == 0, 1, spread), rtol=0, atol=1e-9)


def test_a_large_mean_does_not_hide_a_small_spread():
    generator = torch.Generator().manual_seed(2)
    pixels = 1e7 + torch.rand(30, 3, 8, 8, dtype=torch.float64, generator=generator)
    values = columns(channels_of_pixels(pixels.numpy() - 1e7))
    statistics = fit_statistics(pixels.split(3))
    np.testing.assert_allclose(statistics.std.numpy(), values.std(1), rtol=1e-6)


def test_a_channel_that_does_not_change_gets_std_1():
    gray = [jd.collate([picture("gray", (24, 24), seed)]) for seed in range(2)]
    statistics = fit_statistics(gray)
    assert statistics.mean[64:].tolist() == [0] * 128
    assert statistics.std[64:].tolist() == [1] * 128
    assert (statistics.std[:3] > 1).all()
    red = torch.tensor([200.0, 10, 20]).view(1, 3, 1, 1).expand(2, 3, 160, 160)
    constant = fit_statistics([red, red])
    assert constant.std.tolist() == [1] * 192
    luma = 0.299 * 200 + 0.587 * 10 + 0.114 * 20
    assert constant.mean[64].item() == pytest.approx(8 * (20 - luma) / 1.772, abs=1e-3)


def test_statistics_are_saved_as_json():
    statistics = fit_statistics([jd.collate(batches()[0])])
    again = ChannelStatistics.from_dict(json.loads(json.dumps(statistics.to_dict())))
    assert torch.equal(again.mean, statistics.mean)
    assert torch.equal(again.std, statistics.std)
    assert (again.count, again.chroma) == (statistics.count, "exact")
    near = fit_statistics([jd.collate(batches()[0])], chroma="nearest")
    assert ChannelStatistics.from_dict(near.to_dict()).select(published("24S")).chroma == "nearest"
    assert again.floor == statistics.floor == 32
    assert repr(again) == "ChannelStatistics(192 channels of 36 blocks, measured, chroma='exact', floor=32)"
    assert statistics.to_dict()["source"] == again.source == again.select(published("24S")).source == "measured"
    assert ChannelStatistics(torch.zeros(192), torch.ones(192), 1).source == "unknown"
    older = {name: value for name, value in statistics.to_dict().items() if name != "source"}
    assert ChannelStatistics.from_dict(older).source == "unknown"


def test_networks_divide_by_no_less_than_the_floor():
    files = [jd.collate(images, dtype=torch.float64) for images in batches()]
    values = np.concatenate([columns(channels_of_images(images)) for images in batches()], axis=1)
    for floor in (0, 0.5, 8, 1000):
        statistics = fit_statistics(files, floor=floor)
        # The measured values do not change.
        np.testing.assert_allclose(statistics.std.numpy(), values.std(1), rtol=0, atol=1e-9)
        expected = np.array([max(std, floor) for std in values.std(1)])
        np.testing.assert_allclose(statistics.divisor.numpy(), expected, rtol=0, atol=1e-9)
        own = statistics.select(published("24D"))
        assert own.floor == floor
        np.testing.assert_allclose(own.divisor.numpy(), expected[list(published("24D").indices)], rtol=0, atol=1e-9)
        frontend = Frontend(published("24D"), statistics)
        normalised = (values - values.mean(1)[:, None])[list(frontend.selection.indices)] / own.divisor.numpy()[:, None]
        found = np.concatenate([np.moveaxis(frontend(batch).numpy(), 1, 0).reshape(24, -1) for batch in files], axis=1)
        np.testing.assert_allclose(found, normalised, rtol=0, atol=1e-5)
    assert statistics.with_floor(3).floor == 3
    # Networks trained before there was a floor run as they were trained.
    described = {name: value for name, value in statistics.to_dict().items() if name != "floor"}
    assert ChannelStatistics.from_dict(described).floor == 0
    assert statistics.with_floor(np.float32(3)).divisor.min() == 3
    for wrong in (-1, math.inf, math.nan, None, "8"):
        with pytest.raises(InputError, match="floor must be a number of levels"):
            statistics.with_floor(wrong)
        unread = iter(files)
        with pytest.raises(InputError, match="floor must be a number of levels"):
            fit_statistics(unread, floor=wrong)
        assert len(list(unread)) == len(files)


def test_the_authors_constants():
    statistics = published_statistics()
    assert (len(statistics), statistics.floor, statistics.count, statistics.source) == (192, 0, 0, "published")
    # The first luma frequencies, DC of either chroma component and the last frequency of all.
    assert statistics.std[:3].tolist() == pytest.approx([259.96, 2.7776, 2.0454], abs=1e-4)
    assert statistics.mean[[0, 64, 128]].tolist() == pytest.approx([-88.397, -58.709, 32.116])
    assert statistics.std[191].item() == pytest.approx(0.0097, abs=1e-6)
    assert statistics.divisor.equal(statistics.std)


def test_a_selection_takes_its_channels_in_its_order():
    statistics = ChannelStatistics(torch.arange(192), torch.arange(1, 193), 5)
    selection = published("24D").in_order("zigzag")
    own = statistics.select(selection)
    assert own.mean.tolist() == list(selection.indices)
    assert own.std.tolist() == [index + 1 for index in selection.indices]
    assert (own.count, len(own), own.selection) == (5, 24, selection)
    assert ChannelStatistics.from_dict(json.loads(json.dumps(own.to_dict()))).selection == selection
    with pytest.raises(InputError, match=r"of 192 channels, these are for 24D \(14\+5\+5"):
        own.select(selection)


def test_progress_needs_tqdm(monkeypatch, capsys):
    batch = jd.collate([picture("4:2:0", (8, 8))], preprocess=Resize((8, 8)))
    fit_statistics([batch], progress=True)
    assert "batch" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install tqdm"):
        fit_statistics([batch], progress=True)


def test_errors_say_what_is_wanted():
    with pytest.raises(InputError, match="at least one batch"):
        fit_statistics([])
    with pytest.raises(InputError, match="at least one batch"):
        fit_statistics([torch.zeros(0, 3, 8, 8)])
    with pytest.raises(InputError, match="'exact' or 'nearest'"):
        fit_statistics([], chroma="none")
    with pytest.raises(InputError, match="JpegBatch"):
        fit_statistics(["files"])
    with pytest.raises(InputError, match=r"each of 192 channels.*\(3,\) and \(2,\)"):
        ChannelStatistics(torch.zeros(3), torch.ones(2), 1)
    with pytest.raises(InputError, match="and std above 0"):
        ChannelStatistics(torch.zeros(192), torch.zeros(192), 1)
    with pytest.raises(InputError, match="NaN or infinity among the pixels"):
        fit_statistics([torch.full((1, 3, 8, 8), torch.nan)])
    with pytest.raises(InputError, match="description of statistics needs chroma, count, mean and std"):
        ChannelStatistics.from_dict({"mean": [0.0]})
