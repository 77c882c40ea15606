"""Predictions of a folder: against a network on pixels, and the same file whatever interrupts or shares the run."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import jpegdomain as jd
from jpegdomain.command import predict
from jpegdomain.command.app import app

from .test_command import SMALL, photograph, small

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'jpegdomain[predict]'")
import pyarrow.parquet as parquet


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    for place in ("a", "b/c"):
        (root / place).mkdir(parents=True)
        for quality in range(40, 100, 4):
            photograph(root / place / f"{quality}.jpg", quality)
    (root / "a" / "71.jpg").write_text("no image")
    (root / "a" / "notes.txt").write_text("nothing")
    cut = (root / "b/c/72.jpg").read_bytes()[:-300]
    (root / "b/c/73.jpeg").write_bytes(cut)
    return root


def arguments(folder, out, *more):
    return ["predict", SMALL, "--data", folder, "--out", out, "--side", 32, "--batch", 4, *more]


def run(*given):
    return CliRunner().invoke(app, [*map(str, given)], catch_exceptions=False)


@pytest.mark.parametrize("output", ["top", "logits", "embeddings"])
def test_answers_are_those_of_the_network_on_pixels(folder, tmp_path, output):
    done = run(*arguments(folder, tmp_path / "out.parquet", "--output", output, "--top", 3))
    assert done.exit_code == 0
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert "32 files, 2 of them could not be used" in done.stdout
    assert [row["file"] for row in rows if row["error"]] == ["a/71.jpg", "b/c/73.jpeg"]
    assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)
    net = small()[:4] if output == "embeddings" else small()
    normalise = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for row in rows:
        if row["error"]:
            assert row[{"top": "classes", "logits": "logits", "embeddings": "embedding"}[output]] is None
            continue
        (pixels,) = jd.decode_rgb(jd.collate([jd.read_jpeg(folder / row["file"])], dtype=torch.float64))
        pixels = resized(pixels / 255)
        expected = net(((pixels - normalise[0]) / normalise[1])[None])[0]
        if output == "top":
            best = expected.softmax(0).topk(3)
            assert row["classes"] == best.indices.tolist()
            np.testing.assert_allclose(row["probabilities"], best.values.tolist(), rtol=1e-6)
        else:
            given = row["logits" if output == "logits" else "embedding"]
            np.testing.assert_allclose(given, expected.tolist(), rtol=1e-5, atol=1e-6)


def resized(pixels):
    from torchvision.transforms.v2 import functional

    return functional.center_crop(functional.resize(pixels, [37], antialias=True), [32, 32])


def whole(folder, out):
    assert run(*arguments(folder, out, "--output", "logits")).exit_code == 0
    return out.read_bytes()


def test_a_second_start_goes_on_where_the_first_was_killed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "_PART", 8)
    expected = whole(folder, tmp_path / "whole.parquet")
    parts = tmp_path / "out.parquet.parts"
    code = "import jpegdomain.command.predict as p; p._PART = 8; from jpegdomain.command import main; main()"
    given = [sys.executable, "-c", code, *map(str, arguments(folder, tmp_path / "out.parquet", "--output", "logits"))]
    process = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(parts.glob("00*.parquet")) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("00*.parquet")}
    if process.returncode == -signal.SIGKILL and parts.exists():
        assert kept
        monkeypatch.setattr(predict._Parts, "write", wrote := Written(predict._Parts.write))
        assert run(*arguments(folder, tmp_path / "out.parquet", "--output", "logits")).exit_code == 0
        assert not {int(name[:8]) for name in kept} & set(wrote.numbers)
    assert (tmp_path / "out.parquet").read_bytes() == expected
    assert not parts.exists()


class Written:
    def __init__(self, write):
        self.write, self.numbers = write, []

    def __get__(self, parts, _type=None):
        def write(number, content):
            self.numbers.append(number)
            self.write(parts, number, content)

        return write


def test_parts_of_another_run_are_left_alone(folder, tmp_path):
    parts = tmp_path / "out.parquet.parts"
    parts.mkdir()
    (parts / "run").write_text("another")
    done = CliRunner().invoke(app, [*map(str, arguments(folder, tmp_path / "out.parquet"))])
    assert isinstance(done.exception, jd.errors.InputError)
    assert "parts of another run" in str(done.exception)
    assert (parts / "run").read_text() == "another"


def test_processes_share_the_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "_PART", 8)
    expected = whole(folder, tmp_path / "whole.parquet")
    code = "import jpegdomain.command.predict as p; p._PART = 8; from jpegdomain.command import main; main()"
    given = [sys.executable, "-c", code, *map(str, arguments(folder, tmp_path / "out.parquet", "--output", "logits"))]
    processes = [
        subprocess.Popen(given, env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"}, stderr=subprocess.DEVNULL)
        for rank in (1, 0)
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert (tmp_path / "out.parquet").read_bytes() == expected


def test_a_network_without_a_linear_layer_has_no_embeddings(folder, tmp_path):
    given = arguments(folder, tmp_path / "out.parquet", "--output", "embeddings")
    given[1] = "torch.nn:Identity"
    done = CliRunner().invoke(app, [*map(str, given)])
    assert "embeddings are what the last linear layer reads" in str(done.exception)
