"""Predictions for a folder: the answers of a network on pixels, and the same file if a run is interrupted or shared."""

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


def kept(out):
    """The finished parts of a run that did not end."""
    return sorted(out.parent.glob(f"{out.name}.parts-*/00*.parquet"))


def test_a_second_run_resumes_where_the_first_was_killed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "_PART", 8)
    expected = whole(folder, tmp_path / "whole.parquet")
    out = tmp_path / "out.parquet"
    code = "import jpegdomain.command.predict as p; p._PART = 8; from jpegdomain.command import main; main()"
    given = [sys.executable, "-c", code, *map(str, arguments(folder, out, "--output", "logits"))]
    process = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not kept(out) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    numbers = {int(path.stem) for path in kept(out)}
    if process.returncode == -signal.SIGKILL and numbers:
        monkeypatch.setattr(predict._Parts, "write", wrote := Written(predict._Parts.write))
        assert run(*arguments(folder, out, "--output", "logits")).exit_code == 0
        assert not numbers & set(wrote.numbers)
    assert out.read_bytes() == expected
    assert not list(tmp_path.glob("out.parquet.parts-*"))


def interrupted(folder, out, monkeypatch, *more):
    """A run that ends after two parts."""
    write, count = predict._Parts.write, []

    def twice(parts, number, content):
        if len(count) == 2:
            raise KeyboardInterrupt
        count.append(number)
        write(parts, number, content)

    with monkeypatch.context() as patched:
        patched.setattr(predict._Parts, "write", twice)
        CliRunner().invoke(app, [*map(str, arguments(folder, out, *more))])
    assert len(kept(out)) == 2


@pytest.mark.parametrize("change", ["file", "folder", "options"])
def test_parts_of_another_run_are_never_used(folder, tmp_path, monkeypatch, change):
    monkeypatch.setattr(predict, "_PART", 8)
    out = tmp_path / "out.parquet"
    interrupted(folder, out, monkeypatch, "--output", "logits")
    more = ["--output", "logits"]
    if change == "file":
        photograph(folder / "a" / "40.jpg", 10)
    elif change == "folder":
        (tmp_path / "elsewhere").mkdir()
        for path in folder.rglob("*.jp*g"):
            (tmp_path / "elsewhere" / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            photograph(tmp_path / "elsewhere" / path.relative_to(folder), 20)
        folder = tmp_path / "elsewhere"
    else:
        more = ["--output", "embeddings"]
    done = run(*arguments(folder, out, *more))
    assert done.exit_code == 0
    assert "holds parts of another run" in done.stderr
    run(*arguments(folder, tmp_path / "afresh.parquet", *more))
    assert out.read_bytes() == (tmp_path / "afresh.parquet").read_bytes()
    assert len(kept(out)) == 2


def test_file_names_need_not_be_unicode(tmp_path):
    (tmp_path / "data").mkdir()
    try:
        os.link(photograph(tmp_path / "a.jpg"), os.fsencode(tmp_path / "data") + b"/caf\xe9.jpg")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    (tmp_path / "data" / os.fsdecode(b"\xff.jpg")).write_text("no image")
    assert run(*arguments(tmp_path / "data", tmp_path / "out.parquet")).exit_code == 0
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["file"] for row in rows] == ["caf\\xe9.jpg", "\\xff.jpg"]
    assert "\\xff.jpg: not a JPEG file" in rows[1]["error"]


def test_a_run_without_any_usable_file_fails(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").write_text("no image")
    assert run(*arguments(tmp_path / "data", tmp_path / "out.parquet")).exit_code == 1
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 1


def test_random_weights_are_announced_and_are_the_same_each_time(folder, tmp_path):
    files = []
    for name in ("one", "two"):
        given = arguments(folder, tmp_path / f"{name}.parquet", "--output", "logits")
        given[1] = "torchvision:squeezenet1_1"
        assert "has random weights" in run(*given).stderr
        files.append((tmp_path / f"{name}.parquet").read_bytes())
    assert files[0] == files[1]


class Written:
    def __init__(self, write):
        self.write, self.numbers = write, []

    def __get__(self, parts, _type=None):
        def write(number, content):
            self.numbers.append(number)
            self.write(parts, number, content)

        return write


@pytest.mark.slow
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
    assert "embeddings are the input of the last linear layer" in str(done.exception)
