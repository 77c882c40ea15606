"""The frequency-channel experiment: one budget for every variant, the same result after a kill, its conclusions."""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import jpegdomain as jd
from experiments.frequency_channels import run as experiment
from experiments.frequency_channels.entries import PixelEntry, fit_pixels
from experiments.frequency_channels.inputs import Inputs, find_files
from experiments.frequency_channels.network import build
from experiments.frequency_channels.options import _variant, parser
from experiments.frequency_channels.presets import PRESETS, fill_in
from experiments.frequency_channels.recipe import Recipe, learning_rate, resolved
from experiments.frequency_channels.results import claim, summary, table, table_of
from experiments.frequency_channels.training import Checkpoints, Trainer
from experiments.frequency_channels.variants import variant
from experiments.lib.intervals import interval
from jpegdomain.errors import InputError, LeftOutWarning
from jpegdomain.frequency import ChannelGate, ChannelSet
from tests.codec.oracle import jpeg, noise

EMBEDDED = Path(experiment.__file__).parents[1] / "embedded"
SAMPLINGS = ({"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"quality": 60, "progressive": True})
SMALL = ("--side", "16", "--short", "16", "--epochs", "2", "--batch", "6", "--precision", "float32", "--threads", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of files of several sizes and samplings."""
    root = tmp_path_factory.mktemp("images")
    for split, count in (("train", 6), ("val", 3)):
        for label, name in enumerate("ab"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = noise(40 + 5 * number, 56 - 3 * number, seed=number) // (1 + label)
                data = jpeg(pixels, **SAMPLINGS[number % len(SAMPLINGS)])
                (root / split / name / f"{number}.JPEG").write_bytes(data)
    return root


def run(folder, output, *given):
    report = experiment.main(["--data", str(folder), "--output", str(output), *SMALL, *given])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


def timeless(report):
    """All but what the clock says."""
    result = json.loads(json.dumps(report["result"]))
    for one in (*result["each"], *result["variants"].values()):
        del one["seconds"]
    return result


def test_two_variants_and_two_seeds_end_to_end(folder, tmp_path, capsys, monkeypatch):
    given = ("--model", "mobilenet_v2", "--variants", "RGB", "gate-24", "--seeds", "2")
    report = run(folder, tmp_path / "whole.json", *given, "--weights", str(tmp_path / "weights"))
    settings, result = report["settings"], report["result"]
    assert (settings["training_images"], settings["test_images"], settings["classes"]) == (12, 6, 2)
    assert (settings["side"], settings["frequency_side"], settings["preset"]) == (16, 64, "smoke")
    # Seeds outermost: an interrupted run has whole tables first.
    assert [(one["variant"], one["seed"]) for one in result["each"]] == [
        ("RGB", 0), ("gate-24", 0), ("RGB", 1), ("gate-24", 1),
    ]  # fmt: skip
    for one in result["each"]:
        assert len(one["epochs"]) == 2
        assert all(math.isfinite(epoch["loss"]) and 0 <= epoch["top1"] <= 1 for epoch in one["epochs"])
        assert one["top1"] == one["epochs"][-1]["top1"]
        assert one["seconds"] > 0
    gate = result["each"][1]["gate"]
    assert gate["kept"] == pytest.approx(sum(gate["rates"]), abs=0.02)
    assert result["each"][1]["input_size"] == pytest.approx(gate["kept"] * 16 / 192)
    assert len(ChannelSet.from_dict(gate["static"])) == 24
    printed = capsys.readouterr().out
    assert f"{table(report)}\n\n" in printed
    assert "| RGB | 2 | 1.00 |" in printed
    assert "against RGB" in printed or "Better than RGB" in printed
    for name in ("whole.png", "whole-gate.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    state = torch.load(tmp_path / "weights" / "gate-24-1.pt", weights_only=True)
    assert {name.partition(".")[0] for name in state} == {"entry", "gate", "network"}

    # Killed in the second epoch of the fourth network, which has a gate: its noise and target go on from there.
    steps, step = [], Trainer._step

    def interrupted(*arguments):
        steps.append(1)
        # Two whole batches of six an epoch.
        if len(steps) == 3 * 2 * 2 + 2 + 2:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "cut.json", *given)
    left = sorted(path.name for path in (tmp_path / "cut.partial").iterdir())
    assert left == ["gate-24-1.pt", "rank-0.jsonl"]
    with pytest.raises(SystemExit, match="another lr"):
        run(folder, tmp_path / "cut.json", *given, "--lr", "0.3")
    again = run(folder, tmp_path / "cut.json", *given)
    # It was taken up after its first epoch.
    assert len(steps) == 16 + 2
    assert timeless(again) == timeless(report)


def test_every_variant_is_trained(folder, tmp_path):
    names = ("YCbCr", "DCT-192", "6S", "24T")
    report = run(folder, tmp_path / "one.json", "--epochs", "1", "--variants", *names, "--limit", "4")
    rows = report["result"]["variants"]
    assert {name: row["input_size"] for name, row in rows.items()} == {
        "YCbCr": 1,
        "DCT-192": 4,
        "6S": 0.125,
        "24T": 0.5,
    }
    assert report["settings"]["training_images"] == report["settings"]["batch"] == 4
    assert "Nothing was trained" in claim(report["result"])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v2", None])
def test_presets_fill_in_what_was_not_given(preset, model):
    given = ["--data", "x", "--preset", preset, "--epochs", "7", *(["--model", model] if model else [])]
    options = parser("x", None, "smoke").parse_args(given)
    fill_in(options)
    assert options.epochs == 7
    assert None not in {value for name, value in vars(options).items() if name in PRESETS[preset] and name != "limit"}
    assert all(variant(name) for name in options.variants)
    assert ("6S" in options.variants) == options.model.startswith("mobilenet")


def test_presets_are_what_their_names_say():
    options = parser("x", None, "smoke").parse_args(["--data", "x", "--preset", "standard-90"])
    fill_in(options)
    assert (options.model, options.side, options.short, options.epochs) == ("resnet50", 224, 256, 90)
    assert (options.lr, options.decay, options.schedule) == (0.1, 1e-4, "step")
    options = parser("x", None, "smoke").parse_args(["--data", "x", "--preset", "mobilenet-150"])
    fill_in(options)
    assert (options.model, options.epochs, options.lr) == ("mobilenet_v2", 150, 0.05)
    assert (options.decay, options.schedule) == (4e-5, "cosine")
    for name, preset in PRESETS.items():
        number = name.rpartition("-")[2]
        assert not number.isdecimal() or preset["epochs"] == int(number)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--variants", "25S"], "there are only sets of"),
        (["--variants", "gate-0"], "the number of channels is 1…192"),
        (["--variants", "HSV"], "variants are RGB, YCbCr, RGB-large, UpSampling"),
        (["--model", "vgg16"], "a ResNet of torchvision, resnet10, mobilenet_v2, or vit_tiny"),
        (["--model", "maskrcnn_resnet50_fpn"], "a ResNet of torchvision, resnet10, mobilenet_v2, or vit_tiny"),
        (["--area", "1.5"], "a share above 0 and up to 1"),
        (["--lr", "much"], "a number of at least 0"),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(tmp_path, capsys, given, message):
    with pytest.raises(SystemExit):
        experiment.main(["--data", str(tmp_path), *given])
    assert message in capsys.readouterr().err


def test_a_folder_without_the_files_says_what_is_missing(folder, tmp_path):
    with pytest.raises(SystemExit, match=r"has no folders train and test \(or val\)"):
        find_files(tmp_path, None)
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "test").symlink_to(folder / "val")
    with pytest.raises(SystemExit, match=r"--data: .* there are no \.jpg or \.jpeg files in its subfolders 'a'"):
        find_files(tmp_path, None)
    (tmp_path / "train" / "a" / "0.jpg").write_bytes(jpeg(noise(8, 8)))
    with pytest.raises(SystemExit, match="must have the same names"):
        find_files(tmp_path, None)


def test_files_that_cannot_enter_are_named_and_left_out(folder, tmp_path):
    for split in ("train", "val"):
        (tmp_path / split / "a").mkdir(parents=True)
        (tmp_path / split / "a" / "good.jpg").write_bytes(jpeg(noise(16, 16)))
        Image.new("CMYK", (16, 16)).save(tmp_path / split / "a" / "cmyk.jpg")
        (tmp_path / split / "a" / "damaged.jpg").write_bytes(b"\x89PNG")
    # Batches to train with stay whole, tests do not count an image twice.
    for files, count in zip(find_files(tmp_path, None), (3, 1), strict=True):
        with pytest.warns(LeftOutWarning) as named:
            items = files.__getitems__([0, 1, 2])
        assert [Path(image.source).name for image, _ in items] == count * ["good.jpg"]
        assert {"cmyk" in str(one.message) for one in named} == {False, True}


def inputs(folder, **changed):
    training, testing = find_files(folder, None)
    options = {"side": 16, "short": 18, "area": 0.25, "scale": 2, "batch": 5, "threads": 0, "quiet": True}
    return Inputs(training, testing, **options | changed)


def box(placement):
    """The first and last row and column of the file that any output is made of."""
    found = []
    for maps in (placement.rows, placement.columns):
        used = [
            start + tap for start, taps in zip(maps.starts, maps.weights, strict=True) for tap in np.nonzero(taps)[0]
        ]
        found += [min(used), max(used)]
    return found


def test_pixels_and_channels_see_the_same_crops_in_the_same_order(folder):
    ours = inputs(folder)
    pixels, channels = ([part for (part,) in ours.train(variant(name), 3)] for name in ("RGB", "DCT-192"))
    assert len(pixels) == len(channels) == 2
    for (small, labels), (large, others) in zip(pixels, channels, strict=True):
        assert torch.equal(labels, others)
        assert (small.extent.width, large.extent.width) == (16, 32)
        for one, other in zip(small.records.geometries, large.records.geometries, strict=True):
            assert box(one.map) == box(other.map)
    again = [part for (part,) in ours.train(variant("RGB"), 3)]
    assert torch.equal(jd.decode_rgb(again[0][0]), jd.decode_rgb(pixels[0][0]))
    other = [part for (part,) in ours.train(variant("RGB"), 4)]
    assert not torch.equal(jd.decode_rgb(other[0][0]), jd.decode_rgb(pixels[0][0]))


def test_statistics_of_pixels_are_numpys(folder):
    training, _ = find_files(folder, None)
    batches = [jd.collate([training[number][0]]) for number in range(len(training))]
    for target, matrix in (
        ("rgb", np.eye(3)),
        ("ycbcr", np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])),
    ):
        pixels = np.concatenate([jd.decode_rgb(batch).double().numpy()[0].reshape(3, -1) for batch in batches], 1)
        values = matrix @ pixels + (0 if target == "rgb" else np.array([[0], [128], [128]]))
        mean, std = fit_pixels(batches, target)
        np.testing.assert_allclose(mean, values.mean(1), rtol=1e-4)
        np.testing.assert_allclose(std, values.std(1), rtol=1e-4)


def test_entries_normalise_the_training_files(folder):
    ours = inputs(folder)
    for name, channels in (("RGB", 3), ("YCbCr", 3), ("24S", 24)):
        entry = ours.entry(variant(name))
        parts = [entry(batch) for ((batch, _),) in ours.train(variant(name), 0)]
        x = torch.cat(parts)
        assert x.shape[1] == channels
        assert (x.shape[2], x.shape[3]) == ((16, 16) if channels == 3 else (4, 4))
        # Other crops than those that the statistics are of.
        assert x.mean((0, 2, 3)).abs().max() < 0.5
        assert 0.5 < x[:, 0].std() < 2


def test_the_learning_rate():
    assert [learning_rate(p, "step") for p in (0, 0.33, 0.34, 0.66, 0.67, 0.99)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert [learning_rate(p, "cosine", 0.2) for p in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert learning_rate(0, "cosine") == 1


def test_checkpoints_are_replaced_as_a_whole_and_refuse_other_settings(tmp_path):
    checkpoints = Checkpoints(tmp_path / "kept", {"lr": 0.1})
    assert checkpoints.load("a") is None
    checkpoints.save("a", {"epoch": 1, "weights": torch.ones(2)})
    checkpoints.save("a", {"epoch": 2, "weights": torch.zeros(2)})
    assert checkpoints.load("a")["epoch"] == 2
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["a.pt"]
    with pytest.raises(SystemExit, match="half of a training with other settings"):
        Checkpoints(tmp_path / "kept", {"lr": 0.2}).load("a")
    checkpoints.drop("a")
    checkpoints.drop("a")
    assert checkpoints.load("a") is None


def made(**accuracies):
    """A result of variants' accuracies by seed."""
    each = [
        {
            "variant": name, "seed": seed, "top1": top1, "top5": 0.9, "input_size": 1.0,
            "parameters": 10, "operations": 2e9, "seconds": 1.0, "epochs": [{"training_accuracy": 0.4}], "channels": 0,
        }
        for name, values in accuracies.items()
        for seed, top1 in enumerate(values)
    ]  # fmt: skip
    return summary(each)


def test_differences_are_paired_by_seed():
    result = made(RGB=[0.5, 0.6, 0.7], **{"24S": [0.52, 0.61, 0.75]})
    difference = result["variants"]["24S"]["against RGB"]
    # 2, 1 and 5 points: mean 8/3, standard deviation √(13/3), t = 4.3027 for 2 degrees of freedom.
    assert difference["mean"] == pytest.approx(0.08 / 3)
    assert difference["half_width"] == pytest.approx(4.302653 * math.sqrt(13 / 3) / 100 / math.sqrt(3))
    assert difference["seeds"] == 3
    assert "against RGB" not in result["variants"]["RGB"]
    assert interval([0.3]) == {"mean": 0.3, "half_width": None}
    # A seed that one of them lacks does not count.
    result = made(**{"RGB": [0.5, 0.6], "24S": [0.5, 0.6, 0.9]})
    assert result["variants"]["24S"]["against RGB"]["mean"] == 0


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ([0.61, 0.63, 0.61], "holds for 24S, fails for none, is not decided for none"),
        # Better than RGB; but a loss of a point against all channels is not excluded.
        ([0.6, 0.62, 0.6], "holds for none, fails for none, is not decided for 24S"),
        ([0.55, 0.56, 0.551], "holds for none, fails for 24S, is not decided for none"),
        ([0.4, 0.41, 0.402], "holds for none, fails for 24S, is not decided for none"),
        ([0.4, 0.8, 0.6], "holds for none, fails for none, is not decided for 24S"),
    ],
    ids=str,
)
def test_the_verdict_follows_from_the_numbers(own, verdict):
    result = made(**{"RGB": [0.5, 0.51, 0.5], "DCT-192": [0.6, 0.61, 0.6], "24S": own})
    assert claim(result).endswith(f"{verdict}.")
    assert "DCT-192 +10.0 (+10.0…+10.0)" in claim(result)


def test_no_loss_is_claimed_where_none_was_measured():
    result = made(**{"RGB": [0.5, 0.51, 0.5], "24S": [0.6, 0.61, 0.6]})
    assert claim(result).endswith("was not measured: DCT-192 was not trained.")
    assert "holds" not in claim(result)


def test_a_reference_that_is_worse_than_rgb_is_named():
    result = made(**{"RGB": [0.5, 0.51, 0.5], "DCT-192": [0.4, 0.41, 0.4], "24S": [0.6, 0.61, 0.6]})
    assert "holds for 24S" in claim(result)
    assert claim(result).endswith("they are worse than RGB themselves.")


def test_one_seed_says_nothing_about_chance():
    assert "says nothing about chance: 24S +10.0." in claim(made(**{"RGB": [0.5], "24S": [0.6]}))


def test_the_table_stands_beside_the_papers():
    result = made(RGB=[0.5, 0.6], **{"24S": [0.62, 0.7]})
    lines = table_of({"settings": {"model": "resnet18"}, "result": result}).splitlines()
    assert lines[2] == "| RGB | 2 | 1.00 | 2.00 | 55.0 ± 7.1 | 90.0 ± 0.0 |  | -11.0 ± 12.7 | 75.8 | 92.7 |"
    assert lines[3] == "| 24S | 2 | 1.00 | 2.00 | 66.0 ± 5.7 | 90.0 ± 0.0 | +11.0 ± 12.7 |  | 77.2 | 93.5 |"
    lines = table_of({"settings": {"model": "mobilenet_v2"}, "result": result}).splitlines()
    assert lines[3].endswith("| 72.4 | 90.6 |")


def test_gray_files_have_chroma_that_does_not_vary():
    batch = jd.collate([jd.read_jpeg(path) for path in sorted((EMBEDDED / "digits" / "3").glob("*.jpg"))[:4]])
    mean, std = fit_pixels([batch], "ycbcr")
    assert std[0] > 1
    assert mean[1:].tolist() == pytest.approx([128, 128])
    assert std[1:].tolist() == [1, 1]
    assert PixelEntry("ycbcr", mean, std)(batch).isfinite().all()


def test_seeds_are_no_negative_numbers(capsys):
    with pytest.raises(SystemExit):
        experiment.main(["--data", "nowhere", "--seed", "-1"])
    assert "≥ 0" in capsys.readouterr().err


def test_variants_by_name():
    assert variant("RGB").selection is None
    assert (len(variant("24D").selection), variant("24D").target) == (24, None)
    assert (len(variant("gate-32").selection), variant("gate-32").target) == (192, 32)
    with pytest.raises(InputError, match="number of channels is 1…192"):
        variant("gate-193")
    with pytest.raises(argparse.ArgumentTypeError):
        _variant("nothing")


def test_a_gate_begins_open_and_ends_at_its_target():
    for number in (6, 24, 192):
        gate = ChannelGate(192)
        Recipe.prepare(gate, variant(f"gate-{number}"))
        with torch.no_grad():
            gate.conv2.weight.zero_()
        # As it begins, without noise: open, and near enough to closing.
        gate.noise, target = Recipe.gate_at(0.0, number)
        assert (gate.noise, target) == (0, 192)
        assert gate(torch.randn(4, 192, 2, 2))[1].eq(1).all()
        targets = [Recipe.gate_at(step / 1000, number)[1] for step in range(1001)]
        assert targets == sorted(targets, reverse=True)
        assert targets[150] == 192
        assert targets[400] == targets[1000] == number
    # With a price there is the paper's noise, and no target.
    assert Recipe.gate_at(0.0, None) == (1, 192)
    assert Recipe.gate_at(0.9, None) == (0, 192)


def test_a_gate_has_a_rate_of_its_own():
    recipe = Recipe(5, 64, True, 0.2, "cosine", 1.0, 5e-4, 0.1, 0.05, "float32")
    model = build(variant("gate-24"), torch.nn.Identity(), "resnet10", 10, 0, 16)
    optimiser = recipe.new_optimiser(model)
    network, gate = optimiser.param_groups
    assert (network["weight_decay"], network["momentum"], gate["weight_decay"], gate["momentum"]) == (5e-4, 0.9, 0, 0)
    assert sum(map(len, (network["params"], gate["params"]))) == len(list(model.parameters()))
    rates = []
    for progress in (0.0, 0.3, 0.99):
        recipe.set_rates(optimiser, progress)
        assert network["lr"] == recipe.rate(progress)
        rates.append(gate["lr"])
    assert len(set(rates)) == 1


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [("avx512f amx_bf16 avx512_bf16", "bfloat16"), ("avx512f avx512_bf16", "float32"), ("avx2", "float32")],
)
def test_bfloat16_is_chosen_where_it_is_faster(flags, chosen, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda _: f"flags : {flags}\n")
    assert resolved("auto", torch.device("cpu")) == chosen
    assert resolved("bfloat16", torch.device("cpu")) == "bfloat16"
