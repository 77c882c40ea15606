"""Pretrained weights and real files, in the folder named by JPEGDOMAIN_DATA."""

import itertools
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import jpegdomain as jd
from experiments import decoding, equivalence
from experiments.lib.networks import load_network

from .codec.oracle import decoded
from .decoding.test_entry import RGB_FROM_YCBCR

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif("JPEGDOMAIN_DATA" not in os.environ, reason="JPEGDOMAIN_DATA names no folder"),
]


@pytest.fixture(scope="module")
def data():
    return Path(os.environ["JPEGDOMAIN_DATA"])


@pytest.fixture(scope="module")
def cifar(data, tmp_path_factory):
    return unpacked(data / "cifar10-jpeg.tar.xz", "cifar10-jpeg/test", tmp_path_factory)


@pytest.fixture(scope="module")
def imagenette(data, tmp_path_factory):
    return unpacked(data / "imagenette-160.tar", "imagenette-160/val", tmp_path_factory)


def unpacked(archive, part, tmp_path_factory):
    folder = tmp_path_factory.mktemp(archive.name.partition(".")[0])
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [m for m in tar if m.name.removeprefix("./").startswith(part)], filter="data")
    return folder / part


@pytest.mark.parametrize(("depth", "files", "pillow", "near"), [(20, 1000, 0.8100, 0.03), (32, 1000, 0.8228, 0.03)])
def test_pretrained_cifar_resnets_answer_alike(depth, files, pillow, near, data, cifar, tmp_path, capsys):
    """The accuracies are those on all 5,000 files, which `experiments.equivalence` compares."""
    arguments = ["--data", str(cifar), "--model", f"cifar_resnet{depth}", "--batch", "100", "--limit", str(files)]
    weights = str(data / "weights" / f"cifar10_resnet{depth}.th")
    output = tmp_path / "result.json"
    equivalence.main([*arguments, "--weights", weights, "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    assert result["images"] == files
    assert result["agreement"] == 1
    assert result["relative_deviation"] <= 1e-9
    assert result["accuracy"]["spatial_on_8_bit_decoding"] == pytest.approx(pillow, abs=near)
    assert result["accuracy"]["converted"] == pytest.approx(pillow, abs=near + 5e-3)
    assert "same top-1                                        100.00%" in capsys.readouterr().out


def test_accuracy_falls_smoothly_with_the_frequencies(data, cifar, tmp_path):
    output = tmp_path / "result.json"
    weights = str(data / "weights" / "cifar10_resnet20.th")
    equivalence.main(
        [
            "--data",
            str(cifar),
            "--limit",
            "500",
            "--model",
            "cifar_resnet20",
            "--weights",
            weights,
            "--dtype",
            "float32",
            "--batch",
            "100",
            "--frequencies",
            "6-15",
            "--output",
            str(output),
        ]
    )
    rows = json.loads(output.read_text())["result"]["frequencies"]
    asm, apx = ([rows[str(n)][method] for n in range(6, 16)] for method in ("asm", "apx"))
    assert asm[-1] == apx[-1]
    for values in (asm, apx):
        assert all(low <= high + 0.015 for low, high in itertools.pairwise(values))
    assert all(a >= b for a, b in zip(asm[:5], apx[:5], strict=True))
    assert asm[0] > apx[0] + 0.1
    assert output.with_suffix(".png").stat().st_size > 10_000


def test_decode_rgb_of_photographs_is_pillows_but_for_rounding_and_clamping(data, tmp_path):
    folder = data / "imagenet-samples"
    report = decoding.main([str(folder), "--output", str(tmp_path / "decoding.json")])
    assert report["result"]["files"] == 62
    for row in report["result"]["rows"]:
        assert row["mean_clamped"] < 0.52, row
        # Two files with much overshoot at clipped pixels: 0.66 and 0.69.
        assert row["mean"] < 0.6 or row["file"].startswith(("n03998194", "n04357314")), row
        assert row["mean"] < 0.7, row


def test_what_is_left_of_the_difference_is_rounding(data):
    """With libjpeg's clamping of components and colours added, no difference exceeds the sum of its roundings."""
    for path in sorted((data / "imagenet-samples").glob("*.JPEG"))[::4]:
        image = jd.read_jpeg(path)
        planes = decoded(image)  # clamps each component
        rgb = planes.repeat(3, 2) if image.color == "gray" else (planes - [0, 128, 128]) @ RGB_FROM_YCBCR.T
        with Image.open(path) as file:
            expected = np.asarray(file.convert("RGB")).astype(float)
        difference = np.abs(rgb.clip(0, 255) - expected)
        assert difference.max() < 3, path.name
        assert difference.mean() < 0.52, path.name


def test_pretrained_imagenette_resnet18_on_whole_files(data, imagenette):
    model = load_network("resnet18", str(data / "weights" / "imagenette_resnet18.pt"), 10, 3).double()
    converted = jd.convert(model)
    files = sorted(imagenette.glob("*/*.JPEG"))[::25]
    assert len(files) == 40
    for path in files:
        report = jd.verify(model, converted, jd.collate([jd.read_jpeg(path)], dtype=torch.float64))
        assert report.passes(1e-9), (path.name, str(report))
        assert report.agreement == 1


def test_float32_photographs_through_resnet50(data):
    torch.manual_seed(0)
    model = torchvision.models.resnet50(weights=None).eval()
    converted = jd.convert(model)
    for path in sorted((data / "imagenet-samples").glob("*.JPEG"))[:4]:
        assert jd.verify(model, converted, jd.collate([jd.read_jpeg(path)])).passes(1e-4)
