"""What the names of variants stand for, and what their networks are fed with."""

import json

import numpy as np
import pytest
import torch
from scipy.fft import dctn

import jpegdomain as jd
from experiments.frequency_channels import run as experiment
from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import build, operations, plain
from experiments.frequency_channels.variants import variant
from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelSet, frequency_channels, published, published_statistics
from tests.experiments.test_frequency_channels import SMALL, folder, timeless

__all__ = ["folder"]


@pytest.fixture(scope="module")
def inputs(folder):
    return Inputs(*find_files(folder), side=16, short=16, area=0.5, scale=2, batch=4, quiet=True)


def test_controls_select_what_they_say():
    assert variant("24S").selection == variant("24S@0").selection == published("24S")
    for seed in range(3):
        drawn = variant("random-24", seed).selection
        assert drawn == variant("random-24", seed).selection
        assert len(drawn) == 24
        assert drawn != variant("random-24", seed + 1).selection
    luma = variant("luma-6").selection
    assert (sorted(luma.indices), luma.cb, luma.cr) == ([0, 1, 2, 8, 9, 16], (), ())
    noisy = variant("24S+noise-168")
    assert (noisy.channels, noisy.selection, noisy.gated) == (192, published("24S"), False)
    assert variant("DCT-192").channels == 192
    for name, target, price in (("gate-24", 24, None), ("gate-24@1", 24, None), ("lambda-0.01", None, 0.01)):
        own = variant(name)
        assert (own.gated, own.target, own.per_channel, own.channels) == (True, target, price, 192)
    learned = variant("learned-24@tempered")
    assert (learned.gated, learned.gate) == (False, "gate-24@tempered")
    assert learned.static(published("24S")).selection == published("24S")
    assert (variant("RGB").large, variant("RGB-large").large) == (False, True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gate-0", "1…192, as in gate-24"),
        ("learned-193", "1…192"),
        ("luma-65", "1…64"),
        ("random-0", "1…192"),
        ("24S+noise-0", "1…1000"),
        ("24S@-1", "after '@' come a floor"),
        ("24S@", "after '@' come a floor"),
        ("24S@mine", "after '@' come a floor"),
        ("RGB@8", "variants are RGB"),
        ("lambda-x", "variants are RGB"),
    ],
)
def test_other_names_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        variant(name)


def test_channels_are_divided_as_the_name_says(inputs):
    batch = next(iter(inputs.test(variant("24S"))))[0]
    channels = frequency_channels(batch, published("24S")).double()
    std = {name: inputs.entry(variant(f"24S{name}")).std for name in ("", "@0", "@8", "@32", "@tempered", "@authors")}
    own = std["@0"].double()
    assert (own < 8).any()
    torch.testing.assert_close(std[""], std["@32"], rtol=0, atol=0)
    torch.testing.assert_close(std["@8"].double(), own.clamp(min=8), rtol=1e-6, atol=0)
    torch.testing.assert_close(std["@32"].double(), own.clamp(min=32), rtol=1e-6, atol=0)
    torch.testing.assert_close(std["@tempered"].double(), own.sqrt(), rtol=1e-6, atol=0)
    authors = published_statistics().select(published("24S"))
    result = inputs.entry(variant("24S@authors"))(batch).double()
    expected = (channels - authors.mean.view(-1, 1, 1)) / authors.std.view(-1, 1, 1)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_noise_is_unit_white_noise_behind_the_channels(inputs):
    batch = next(iter(inputs.test(variant("24S"))))[0]
    entry = inputs.entry(variant("24S+noise-1000")).train()
    first, second = entry(batch), entry(batch)
    assert torch.equal(first[:, :24], inputs.entry(variant("24S"))(batch))
    noise = first[:, 24:]
    assert noise.shape == (len(batch), 1000, 4, 4)
    assert not torch.equal(noise, second[:, 24:])
    assert (abs(noise.mean().item()), noise.std().item()) == pytest.approx((0, 1), abs=0.02)
    entry.eval()
    assert torch.equal(entry(batch), entry(batch))


def test_large_pixels_are_those_that_channels_are_taken_of(inputs):
    large, channels = (next(iter(inputs.test(variant(name))))[0] for name in ("RGB-large", "24S"))
    pixels = inputs.entry(variant("RGB-large"))(large)
    assert pixels.shape[2:] == (32, 32)
    assert torch.equal(jd.decode_rgb(large), jd.decode_rgb(channels))
    assert inputs.image_side(variant("RGB")) == 16
    assert next(iter(inputs.test(variant("RGB"))))[0].extent == (16, 16)


def test_halved_chroma_is_the_dct_of_averages(inputs):
    """Against NumPy, on an image that is no whole number of blocks of chroma."""
    batch = next(iter(inputs.test(variant("Late-Concat-RFA"))))[0]
    result = inputs.entry(variant("Late-Concat-RFA"))(batch)
    assert result.shape == (len(batch), 192, 2, 2)
    rgb = jd.decode_rgb(batch).double().numpy()
    red, green, blue = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    for number, plane in enumerate((luma, (blue - luma) / 1.772, (red - luma) / 1.402)):
        for row, column in np.ndindex(2, 2):
            # The 2×2 blocks of luma share one of chroma, of 16×16 pixels.
            block = plane[:, 8 * row :, 8 * column :][:, :8, :8] - 128
            if number:
                block = plane.reshape(-1, 8, 2, 8, 2).mean((2, 4))
            expected = torch.from_numpy(dctn(block, axes=(1, 2), norm="ortho").reshape(-1, 64))
            own = result[:, 64 * number : 64 * (number + 1), row, column].double()
            torch.testing.assert_close(own, expected, rtol=0, atol=2e-3)


def test_other_designs_and_transformers_are_trained(folder, tmp_path):
    given = ["--data", str(folder), *SMALL, "--epochs", "1"]
    names = ["UpSampling", "Deconvolution-RFA", "Late-Concat-RFA-Thinner"]
    output = str(tmp_path / "one.json")
    report = experiment.main([*given, "--model", "resnet10", "--variants", "RGB", *names, "--output", output])
    rows = report["result"]["variants"]
    assert [rows[name]["input_size"] for name in names] == [0.5] * 3
    assert rows["Late-Concat-RFA-Thinner"]["operations"] < rows["Deconvolution-RFA"]["operations"]
    transformer = ["--model", "vit_tiny", "--preset", "transformer-10", "--variants", "RGB", "DCT-192", "24S"]
    report = experiment.main([*given, *transformer, "--output", str(tmp_path / "two.json")])
    rows = report["result"]["variants"]
    assert [rows[name]["input_size"] for name in ("RGB", "DCT-192", "24S")] == [1, 1, 0.125]
    # 192 numbers a patch either way.
    assert rows["RGB"]["operations"] == rows["DCT-192"]["operations"]
    assert report["settings"]["optimiser"] == "adamw"
    with pytest.raises(SystemExit, match="--side: vit_tiny takes multiples of 8, got 20"):
        experiment.main([*given, *transformer, "--side", "20", "--output", output])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["vit_tiny", "--preset", "transformer-10", "--variants", "RGB", "gate-24"], "gates are trained by"),
        (["vit_tiny", "--preset", "transformer-10", "--variants", "RGB", "learned-24"], "gates are trained by"),
        (
            ["vit_tiny", "--preset", "transformer-10", "--variants", "RGB", "UpSampling"],
            "only for torchvision's ResNets",
        ),
        (["resnet10", "--layer2-stride", "1", "--variants", "RGB", "UpSampling"], "only for design='first-block'"),
        (["mobilenet_v2", "--layer2-stride", "1", "--variants", "RGB", "24S"], "MobileNetV2 has no layer2"),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_trained(folder, tmp_path, monkeypatch, given, message):
    monkeypatch.setattr(experiment.Trainer, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(SystemExit, match=message):
        experiment.main(["--data", str(folder), *SMALL, "--model", *given, "--output", str(tmp_path / "one.json")])


def test_operations_are_counted_by_hand():
    # layer1's first convolution: 3×3 of 24 channels to 64 on 20×20 places, two operations for a product.
    network = build(variant("24S"), torch.nn.Identity(), "resnet10", 10, 0, 16).network
    wider = build(variant("48S"), torch.nn.Identity(), "resnet10", 10, 0, 16).network
    per_channel = 2 * 400 * 64 * (9 + 1)
    assert operations(wider, 48, 160) - operations(network, 24, 160) == 24 * per_channel
    rgb = plain("resnet10", 10, 16)
    assert operations(rgb, 0, 256) == pytest.approx(4 * operations(rgb, 0, 128), rel=1e-3)
    fine = build(variant("24S"), torch.nn.Identity(), "resnet10", 10, 0, 16, layer2_stride=1).network
    assert operations(fine, 24, 160) > 2 * operations(network, 24, 160)


@pytest.mark.slow
def test_a_learned_set_is_trained_after_its_gate(folder, tmp_path):
    given = ["--data", str(folder), *SMALL, "--model", "resnet10", "--epochs", "1"]
    names = ["--variants", "learned-24", "gate-24", "lambda-0.05", "24S+noise-8", "RGB-large"]
    report = experiment.main([*given, *names, "--output", str(tmp_path / "one.json")])
    each = report["result"]["each"]
    # The gate is trained once, for both.
    assert [one["variant"] for one in each] == ["gate-24", "learned-24", "lambda-0.05", "24S+noise-8", "RGB-large"]
    learned = ChannelSet.from_dict(each[1]["static"])
    assert (len(learned), each[1]["channels"], each[1]["input_size"]) == (24, 24, 0.5)
    assert each[4]["input_size"] == 4
    assert "gate" in each[0]
    assert "gate" not in each[1]
    # The same set trained by itself from scratch, with the same seed, is the same network.
    again = experiment.main([*given, "--variants", "learned-24", "--output", str(tmp_path / "two.json")])
    assert timeless(again)["each"] == timeless(report)["each"][:2]
    assert json.loads((tmp_path / "two.json").read_text())["result"]["variants"]["gate-24"]["against learned-24"]
