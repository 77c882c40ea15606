"""Bytes and accuracies of the same images: against Pillow, a naive DCT, networks whose answers are known by hand."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import jpegdomain as jd
from experiments.frequency_channels.answers import File, answers
from experiments.frequency_channels.entries import PixelEntry
from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import Classifier, build
from experiments.frequency_channels.saved import Saved, load, read_report
from experiments.frequency_channels.variants import Variant, variant
from experiments.frequency_costs import bytes as costs_bytes
from experiments.frequency_costs import run as experiment
from experiments.frequency_costs.bytes import measured
from experiments.frequency_costs.figures import frontier
from experiments.frequency_costs.latency import latencies
from experiments.frequency_costs.results import summary, table
from experiments.lib.encoded_again import encoded
from experiments.lib.truncated import truncated
from jpegdomain.frequency import ChannelSet, Frontend, all_channels, published
from tests.codec.oracle import forward, jpeg, pillow
from tests.experiments.conftest import VARIANTS, picture

SETTINGS = {"side": 8, "short": 8, "frequency_side": 16, "precision": "float32"}


def run(root, output, *given):
    places = [str(root / "t.json"), "--weights", str(root / "weights"), "--data", str(root / "data")]
    report = experiment.main([*places, "--output", str(output), "--threads", "1", "--repeats", "2", *given])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


def test_networks_answer_as_after_their_training_and_bytes_are_those_of_the_files(trained, tmp_path, capsys):
    report = run(trained, tmp_path / "costs.json")
    result, paths = report["result"], sorted((trained / "data" / "val").rglob("*.jpg"))
    assert result["images"] == len(paths) == 10
    lines = {one["variant"]: one for one in result["each"]}
    assert set(lines) == {*VARIANTS, "gate-24"}
    for line in lines.values():
        assert line["test"]["top1"] == pytest.approx(line["trained_top1"])
        assert min(line["time"][part]["milliseconds"] for part in ("bytes", "network")) > 0
    assert result["original"]["file"] == pytest.approx(np.mean([path.stat().st_size for path in paths]))
    images = [jd.read_jpeg(path) for path in paths]
    whole = np.mean([len(jd.write_jpeg(image)) for image in images])
    assert result["all"]["file"] == pytest.approx(whole)
    pixels = lines["RGB"]
    assert pixels["test"]["file"] == pixels["whole"]["file"] == result["all"]["file"]
    assert (pixels["test"]["difference"], pixels["test"]["standard_error"]) == (0, 0)
    low = [jd.read_jpeg(encoded(path.read_bytes(), 20)) for path in paths]
    for name, selection in (("RGB", all_channels()), ("24S+noise-4", published("24S"))):
        own = lines[name]["test"]["qualities"]
        assert list(own) == ["20", "10"]
        assert own["20"]["file"] == pytest.approx(truncated(low, selection).file / 10)
        assert own["10"]["file"] < own["20"]["file"] < lines[name]["test"]["file"]
        assert "qualities" not in lines[name]["whole"]
    kept = truncated(images, published("24S"))
    for own in (lines["24S+noise-4"]["test"], lines["24S+noise-4"]["whole"]):
        assert own["file"] == pytest.approx(sum(map(len, kept.data)) / 10)
        assert own["scan"] < own["file"] < whole
    assert lines["RGB"]["time"]["bytes"]["ratio"]["median"] == 1
    assert report["settings"]["same_files"]
    # Answers in the precision of the trainings, times in single precision; the top-1 of their own tests.
    assert table(report).endswith(" | float32 | float32 | 0.0 |")
    rounded = report | {"settings": report["settings"] | {"precision": "bfloat16"}}
    assert table(rounded).endswith(" | bfloat16 | float32 | 0.0 |")
    assert table(report) in capsys.readouterr().out
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_run_goes_on(trained, tmp_path, monkeypatch):
    given = ("--batch", "4", "--variants", "24S+noise-4", "--preprocess", "whole")
    expected = run(trained, tmp_path / "expected.json", *given)["result"]
    calls, own = [], costs_bytes.measured

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return own(*arguments)

    monkeypatch.setattr(experiment, "measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(trained, tmp_path / "cut.json", *given)
    found = run(trained, tmp_path / "cut.json", *given)["result"]
    assert len(calls) == 2 + 2
    assert found["images"] == 10
    for result in (expected, found):
        for line in (*result["each"], *result["variants"].values()):
            del line["time"]
    assert found == expected


@pytest.mark.parametrize("subsampling", [0, 2])
def test_what_arrives_is_the_file_with_zeros(subsampling):
    """Pillow decodes the written file; the DCT of its samples is that of the original's, or zero."""
    data = jpeg(picture(1, 3, 32), quality=80, subsampling=subsampling)
    kept = published("24S")
    arrived = truncated([jd.read_jpeg(data)], kept)
    assert arrived.file == len(arrived.data[0]) < len(data)
    assert 0 < arrived.scan < arrived.file
    before, after = (forward(pillow(one, "YCbCr")[..., 0]) for one in (data, arrived.data[0]))
    mask = kept.mask()[0].flatten().numpy()
    # Samples are rounded to whole levels.
    np.testing.assert_allclose(after[..., mask], before[..., mask], atol=4)
    assert np.abs(after[..., ~mask]).max() < 4 < np.abs(before[..., ~mask]).max()


class OneChannel(nn.Module):
    """Class 1 where the first channel's mean magnitude is above a threshold."""

    def __init__(self, threshold):
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(float(threshold)))

    def forward(self, x):
        seen = x[:, 0].abs().mean((1, 2))
        return torch.stack([torch.full_like(seen, 0.0) + self.threshold, seen], 1)


def looking_at(channel, threshold=1.0):
    selection = ChannelSet.of_indices([channel])
    return Saved(
        Variant("one", selection),
        0,
        Classifier(Frontend(selection), None, OneChannel(threshold)).eval(),
        {"top1": 1.0, "operations": 1},
    )


def with_coefficient(component, place, value, subsampling):
    """A gray 32×32 file, and one coefficient in all blocks of a component."""
    image = jd.read_jpeg(jpeg(np.full((32, 32, 3), 128, np.uint8), quality=75, subsampling=subsampling))
    parts = list(image.components)
    coefficients = parts[component].coefficients.copy()
    coefficients[..., place] = value
    parts[component] = replace(parts[component], coefficients=coefficients)
    return jd.write_jpeg(replace(image, components=tuple(parts)))


def files(component, place, subsampling):
    data = [with_coefficient(component, place, value, subsampling) for value in (0, 3, 0, 4)]
    return [File(one, jd.read_jpeg(one), number % 2) for number, one in enumerate(data)]


@pytest.mark.parametrize("component", [0, 1])
def test_of_whole_444_files_nothing_that_a_network_sees_is_lost(component):
    one = looking_at(64 * component + 2)
    sums = measured([one], files(component, 2, 0), ["whole"], [], SETTINGS)
    assert sums["whole"]["one-0"]["right"] == 4
    assert sums["whole"]["one-0"]["sent"] == {"right": 4, "gained": 0, "lost": 0}
    # All that these files have is in the set.
    assert sums["whole"]["one-0"]["file"] == sums["all"]["file"]


def test_what_is_sent_at_a_low_quality_is_encoded_and_then_truncated():
    """Luma's table has 10 at (0, 2), 5 at quality 75 and 50 at quality 10: of 15 and 20 levels nothing is left."""
    one = looking_at(2)
    sums = measured([one], files(0, 2, 0), ["whole"], [10, 75], SETTINGS)
    own = sums["whole"]["one-0"]
    assert (own["right"], own["sent"]["right"]) == (4, 4)
    assert own["qualities"]["75"]["sent"] == {"right": 4, "gained": 0, "lost": 0}
    assert own["qualities"]["10"]["sent"] == {"right": 2, "gained": 0, "lost": 2}


def test_of_420_files_half_of_chromas_frequencies_are_lost():
    """Frequency 2 of a chroma block is 1 of each of the two luma blocks below it: seen there, but not sent."""
    one = looking_at(64 + 1, threshold=3.0)
    given = files(1, 2, 2)
    sums = measured([one], given, ["whole"], [], SETTINGS)
    assert sums["whole"]["one-0"]["right"] == 4
    assert sums["whole"]["one-0"]["sent"] == {"right": 2, "gained": 0, "lost": 2}
    result = summary([sums], [one], ["whole"], {})
    own = result["each"][0]["whole"]
    assert (own["top1"], own["sent_top1"], own["difference"]) == (1.0, 0.5, -0.5)
    # Differences 0, −1, 0, −1: variance ¼.
    assert own["standard_error"] == pytest.approx(0.5 / 2)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_channels_of_truncated_files_are_the_files(subsampling):
    """All of them at 4:4:4, those of luma at 4:2:0."""
    image = jd.read_jpeg(jpeg(picture(0, 2, 32), quality=80, subsampling=subsampling))
    kept = published("24S")
    arrived = truncated([image], kept).images[0]
    before, after = (
        jd.frequency.frequency_channels(jd.collate([one], dtype=torch.float64), kept) for one in (image, arrived)
    )
    luma = len(kept.y)
    torch.testing.assert_close(after[:, :luma], before[:, :luma], rtol=0, atol=1e-9)
    largest = (after[:, luma:] - before[:, luma:]).abs().max()
    assert largest > 1 if subsampling else largest < 1e-9


class Slow(nn.Module):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return x.new_zeros(len(x), 2)


def test_time_is_that_of_the_network_and_relative_to_rgb_of_the_same_seed():
    entry = PixelEntry("rgb", torch.zeros(3), torch.ones(3))
    networks = [
        Saved(Variant(name), seed, Classifier(entry, None, Slow(seconds)), {})
        for name, seed, seconds in (("RGB", 0, 0.02), ("YCbCr", 0, 0.08), ("YCbCr", 1, 0.08))
    ]
    found = latencies(networks, files(0, 2, 0), 3, SETTINGS)
    for part in ("bytes", "network"):
        assert found["RGB-0"][part]["milliseconds"] >= 20
        assert found["RGB-0"][part]["ratio"]["median"] == 1
        assert found["YCbCr-0"][part]["milliseconds"] >= 80
        assert 1.5 < found["YCbCr-0"][part]["ratio"]["median"] <= 4.5
        assert "ratio" not in found["YCbCr-1"][part]


def test_pixels_of_whole_files_are_as_much_smaller_as_in_training():
    seen = []

    class Seen(nn.Module):
        def forward(self, batch):
            seen.append(tuple(batch.extent))
            return torch.zeros(len(batch), 3, 1, 1)

    for name, large in (("RGB", False), ("RGB-large", True)):
        one = Saved(Variant(name, large=large), 0, Classifier(Seen(), None, nn.Flatten()), {})
        data = [jpeg(picture(0, 1, side)[:32], subsampling=0) for side in (40, 48, 40)]
        images = [jd.read_jpeg(one) for one in data]
        answers(one, images, torch.zeros(3, dtype=torch.long), "whole", SETTINGS)
    assert seen == [(16, 20), (16, 24), (32, 40), (32, 48)]


def test_the_frontier():
    points = [(3, 0.7), (1, 0.5), (2, 0.4), (2, 0.6), (3, 0.6), (4, 0.7)]
    assert frontier(points) == [(1, 0.5), (2, 0.6), (3, 0.7)]


def test_weights_of_another_network_are_refused(trained, tmp_path):
    report = read_report(trained / "t.json")
    for name in ("RGB-0", "24S+noise-4-0", "learned-24-0"):
        (tmp_path / f"{name}.pt").write_bytes((trained / "weights" / "gate-24-0.pt").read_bytes())
    wanted = ("RGB", "24S+noise-4", "learned-24")
    for name in wanted:
        with pytest.raises(SystemExit, match="is not that of") as caught:
            load(read_report(trained / "t.json", [name]), tmp_path)
        assert "\n" not in str(caught.value)
    with pytest.raises(SystemExit, match=r"has no RGB-0\.pt"):
        load(report, trained)
    report["settings"]["model"] = "resnet18"
    with pytest.raises(SystemExit, match="is not that of RGB on resnet18"):
        load(report, trained / "weights")


@pytest.mark.parametrize(
    ("model", "variants", "stride", "scale"),
    [
        ("resnet10", ("24S", "RGB-large"), 1, 2),
        ("resnet10", ("UpSampling", "Late-Concat-RFA"), 2, 2),
        ("vit_tiny", ("RGB", "24S"), 2, 1),
    ],
)
def test_every_kind_of_network_is_built_as_it_was_trained(tmp_path, trained, model, variants, stride, scale):
    report = json.loads((trained / "t.json").read_text())
    settings = report["settings"] | {"model": model, "layer2_stride": stride, "frequency_side": 16 * scale}
    inputs = Inputs(*find_files(trained / "data"), side=16, short=16, area=0.5, scale=scale, batch=4, quiet=True)
    networks = {}
    for name in variants:
        own = variant(name)
        networks[name] = build(own, inputs.entry(own), model, 2, 0, 16, stride).eval()
        torch.save(networks[name].state_dict(), tmp_path / f"{name}-0.pt")
    report["settings"] = settings
    report["result"]["each"] = [{"variant": name, "seed": 0, "top1": 0.5, "operations": 1} for name in variants]
    for one in load(report, tmp_path):
        batch, labels = next(iter(inputs.test(one.variant)))
        with torch.inference_mode():
            expected = networks[one.variant.name](batch)[0]
            torch.testing.assert_close(one.model(batch)[0], expected, rtol=0, atol=0)
        images = [jd.read_jpeg(path) for path in inputs.testing.files[:4]]
        right, _ = answers(one, images, labels, "test", settings)
        assert right.tolist() == (expected.argmax(1) == labels).tolist()
    if model == "vit_tiny":
        (tmp_path / "vit.json").write_text(json.dumps(report))
        given = [str(tmp_path / "vit.json"), "--weights", str(tmp_path), "--data", str(trained / "data")]
        with pytest.raises(SystemExit, match="images of one size only: give --preprocess test"):
            experiment.main([*given, "--output", str(tmp_path / "x.json")])


def test_the_channels_of_a_random_set_are_checked(trained, tmp_path):
    report = read_report(trained / "t.json", ["24S+noise-4"])
    (one,) = report["result"]["each"]
    one["variant"] = "24T+noise-4"
    (tmp_path / "24T+noise-4-0.pt").write_bytes((trained / "weights" / "24S+noise-4-0.pt").read_bytes())
    with pytest.raises(SystemExit, match=r"this state is for 24S .* the frontend selects 24T"):
        load(report, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "cannot be read as a report"), ('{"experiment": "generality"}', "is no report of")],
)
def test_other_files_than_reports_are_refused(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(SystemExit, match=message):
        read_report(path)


def test_unknown_variants_and_other_classes_are_refused(trained, tmp_path):
    with pytest.raises(SystemExit, match=r"has no 24D"):
        run(trained, tmp_path / "x.json", "--variants", "24D")
    for split in ("train", "val"):
        (tmp_path / "other" / split / "a").mkdir(parents=True)
        (tmp_path / "other" / split / "a" / "0.jpg").write_bytes(jpeg(picture(0, 0)))
    with pytest.raises(SystemExit, match="has 1 classes, the networks 2"):
        run(trained, tmp_path / "x.json", "--data", str(tmp_path / "other"))
