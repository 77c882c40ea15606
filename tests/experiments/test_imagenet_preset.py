"""The preset for ImageNet from end to end, on as many classes, with small images and few of them."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.frequency_channels import run as experiment
from jpegdomain.frequency import published

CLASSES = 1000
REDUCED = ("--side", "32", "--short", "36", "--epochs", "1", "--batch", "64", "--threads", "1")


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A folder as ImageNet's: a colour for each class, with noise; of each two files to train with and one to test."""
    root = tmp_path_factory.mktemp("imagenet")
    random = np.random.default_rng(0)
    colours = random.integers(30, 226, (CLASSES, 3))
    for split, count in (("train", 2), ("val", 1)):
        for number, colour in enumerate(colours):
            folder = root / split / f"n{number:08}"
            folder.mkdir(parents=True)
            for place in range(count):
                height, width = (40 + 8 * place, 56 - number % 16)
                levels = random.normal(colour, 20, (height, width, 3)).clip(0, 255).astype(np.uint8)
                # ImageNet has gray files, too.
                image = Image.fromarray(levels if number % 50 else levels[..., 0])
                image.save(folder / f"{split}_{number}_{place}.JPEG", quality=96 - number % 30)
    return root


@pytest.mark.slow
def test_the_imagenet_preset_runs_from_end_to_end(imagenet, tmp_path, capsys):
    output, weights = tmp_path / "result.json", tmp_path / "weights"
    given = ["--data", str(imagenet), "--preset", "standard-90", *REDUCED, "--variants", "RGB", "24S"]
    report = experiment.main([*given, "--weights", str(weights), "--output", str(output)])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    settings, result = report["settings"], report["result"]
    # The preset's, but for the sizes.
    assert {name: settings[name] for name in ("preset", "model", "seeds", "area", "lr", "schedule", "decay")} == {
        "preset": "standard-90",
        "model": "resnet50",
        "seeds": 1,
        "area": 0.08,
        "lr": 0.1,
        "schedule": "step",
        "decay": 1e-4,
    }
    assert (settings["warmup"], settings["smoothing"], settings["nesterov"]) == (0, 0, False)
    assert (settings["classes"], settings["training_images"], settings["test_images"]) == (
        CLASSES,
        2 * CLASSES,
        CLASSES,
    )
    for one in result["each"]:
        [epoch] = one["epochs"]
        # It has not diverged: the loss of equal probabilities is log 1,000. And it has begun to tell colours apart.
        assert epoch["loss"] < 2 * math.log(CLASSES)
        assert one["top5"] > 5 / CLASSES
        # Of 1,000 images each.
        assert all((1000 * one[top]).is_integer() for top in ("top1", "top5"))
        assert 0 <= one["top1"] <= one["top5"] < 0.5
        state = torch.load(weights / f"{one['variant']}-0.pt", weights_only=True)
        assert state["network.fc.weight"].shape == (CLASSES, 2048)
    assert [one["variant"] for one in result["each"]] == ["RGB", "24S"]
    # Published: 25.6 million parameters, and 4.1 billion multiplications and additions at a side of 224.
    assert result["each"][0]["parameters"] == 25_557_032
    assert result["each"][0]["operations"] == pytest.approx(2 * 4.09e9 * (32 / 224) ** 2, rel=0.05)
    assert result["each"][1]["operations"] < 1.1 * result["each"][0]["operations"]
    assert state["entry._extra_state"]["selection"] == published("24S").to_dict()
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not output.with_suffix(".partial").exists()
    printed = capsys.readouterr().out
    assert "| 24S | 1 | 0.50 |" in printed
    # Xu et al.'s ResNet-50.
    assert "| 77.2 | 93.5 |" in printed
