"""The command as a user calls it, on sound, broken and missing input."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import jpegdomain as jd
from jpegdomain.command import main
from jpegdomain.command.app import app
from jpegdomain.command.loading import load_network
from jpegdomain.tables import CHROMINANCE, LUMINANCE, nearest_quality, quality_table
from tests.codec.oracle import FIXTURES
from tests.data.test_skipping import two_components

FILES = sorted(FIXTURES.glob("*.jpg"))


def small():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    return net.double()


SMALL = f"{__name__}:small"


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def photograph(path, quality=85, **settings):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (7, 9, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=quality, **settings)
    return path


@pytest.mark.parametrize("quality", [1, 30, 49, 50, 75, 85, 95, 100])
def test_info_says_what_pillow_wrote(quality, tmp_path):
    path = photograph(tmp_path / "a.jpg", quality, progressive=True, subsampling="4:2:2")
    (row,) = json.loads(run("info", path, "--json").stdout)
    assert row["quality"] == quality
    assert (row["height"], row["width"], row["color"], row["sampling"]) == (56, 72, "ycbcr", "4:2:2")
    assert (row["coding"], row["scans"], row["bytes"]) == ("progressive", 10, path.stat().st_size)
    assert row["warnings"] == row["damage"] == []


def test_the_nearest_quality_of_other_tables():
    assert nearest_quality(quality_table(CHROMINANCE, 60), CHROMINANCE) == (60, True)
    changed = quality_table(LUMINANCE, 60).copy()
    changed[3, 3] += 1
    assert nearest_quality(changed.reshape(-1), LUMINANCE) == (60, False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_info_of_every_fixture(path):
    result = run("info", path, "--json")
    (row,) = json.loads(result.stdout)
    assert ("error" in row) == (result.exit_code == 1)
    if "error" not in row:
        image = jd.read_jpeg(path)
        assert [row["height"], row["width"]] == [*image.extent]
        assert row["sampling"] == image.sampling


def test_info_continues_after_a_file_that_it_cannot_read(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    sound = photograph(tmp_path / "sound.jpg")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(sound.read_bytes()[:-200])
    result = run("info", tmp_path / "missing.jpg", tmp_path / "text.jpg", cut, sound)
    assert result.exit_code == 1
    assert "missing.jpg: No such file" in result.stderr
    assert "text.jpg: not a JPEG file" in result.stderr
    assert str(sound) in result.stdout
    assert f"{cut}: " in result.stdout


def test_check_lists_what_cannot_be_used(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    photograph(tmp_path / "a" / "b" / "sound.JPG")
    photograph(tmp_path / "a" / "other.png")
    (tmp_path / "a" / "text.jpeg").write_text("no image")
    result = run("check", tmp_path, "--json", "--threads", 2)
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["files"] == 2
    assert found["kinds"] == {"ycbcr 4:2:0": 1}
    assert [(error["kind"], error["file"]) for error in found["errors"]] == [
        ("NotJpegError", str(tmp_path / "a" / "text.jpeg"))
    ]
    assert "1 cannot be read" in run("check", tmp_path).stdout
    (tmp_path / "a" / "text.jpeg").unlink()
    assert run("check", tmp_path).exit_code == 0


def test_check_lists_files_that_cannot_be_in_a_batch(tmp_path):
    (tmp_path / "two.jpg").write_bytes(two_components())
    (error,) = json.loads(run("check", tmp_path, "--json").stdout)["errors"]
    assert error["kind"] == "UnsupportedJpegError"


@pytest.mark.parametrize("as_json", [False, True])
def test_verify_compares_both_plans(as_json, tmp_path):
    files = [photograph(tmp_path / f"{quality}.jpg", quality) for quality in (50, 90)]
    result = run("verify", SMALL, *files, "--side", 32, *["--json"][:as_json])
    assert result.exit_code == 0, result.output
    if as_json:
        reports = json.loads(result.stdout)
        assert all(report["passes"] and report["relative"] < 1e-9 for report in reports.values())
        assert {*reports} == {"transform", "fused"}
        assert all(report["dtype"] == "float64" and report["images"] == 2 for report in reports.values())
    else:
        assert result.stdout.count("2 images in float64") == 2


def test_verify_fails_where_the_answers_differ(tmp_path):
    path = photograph(tmp_path / "a.jpg")
    result = run("verify", SMALL, path, "--side", 32, "--frequencies", 3, "--json")
    assert result.exit_code == 1
    assert not json.loads(result.stdout)["transform"]["passes"]


def test_weights_are_loaded_only_if_they_fit_the_network(tmp_path):
    net = small()
    nn.init.constant_(net[0].weight, 0.5)
    torch.save({"state_dict": net.state_dict()}, tmp_path / "weights.pt")
    assert (load_network(SMALL, tmp_path / "weights.pt")[0].weight == 0.5).all()
    torch.save({"other": torch.zeros(1)}, tmp_path / "others.pt")
    with pytest.raises(jd.errors.InputError, match="these weights do not fit this network"):
        load_network(SMALL, tmp_path / "others.pt")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("resnet50", "is not a model's name"),
        ("torchvision:none", "Unknown model"),
        ("no.such.module:net", "No module named"),
        (f"{__name__}:nothing", "no attribute"),
        ("json:dumps", "missing 1 required"),
        ("os:getcwd", "not a torch.nn.Module"),
    ],
)
def test_an_unknown_network_is_named(name, reason, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jpegdomain", "plan", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


def test_plan_as_printed_by_the_library():
    converted = jd.convert(small())
    assert run("plan", SMALL, "--side", 40, "--batch", 3).stdout.strip() == str(converted.plan((40, 40), 3))
    steps = json.loads(run("plan", SMALL, "--side", 40, "--json").stdout)["steps"]
    assert [step["path"] for step in steps] == [step.path for step in converted.plan((40, 40)).steps]


def test_bench_times_both_sides(tmp_path):
    for quality in (40, 60, 80):
        photograph(tmp_path / f"{quality}.jpg", quality)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8")
    found = json.loads(run("bench", tmp_path, "--side", 28, "--rounds", 1, "--batch", 2, "--json").stdout)
    assert (found["files"], found["left out"]) == (3, 1)
    assert found["times as fast"] > 0
    assert found["mean difference in levels"] < 2


def test_an_empty_folder_is_named(tmp_path, monkeypatch, capsys):
    for command in ("bench", "check"):
        monkeypatch.setattr(sys, "argv", ["jpegdomain", command, str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert "no files with the extension" in capsys.readouterr().err


def test_a_missing_folder_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jpegdomain", "check", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit):
        main()
    assert "nothing: no such folder" in capsys.readouterr().err


def test_outputs_that_are_all_zero_are_reported(tmp_path):
    given = "verify", "torchvision:squeezenet1_1", photograph(tmp_path / "a.jpg"), "--side", 32
    assert "outputs are all 0" not in run(*given).stderr
    assert "outputs are all 0" in run("verify", f"{__name__}:silent", *given[2:]).stderr


def silent():
    return nn.Sequential(small(), nn.ReLU(), nn.Threshold(1e9, 0.0)).double()


def test_backbones_are_not_fetched_for_a_network_without_weights():
    assert load_network("torchvision:fcn_resnet50", None) is not None


def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "data" / "own").mkdir(parents=True)
    photograph(tmp_path / "real" / "a.jpg")
    photograph(tmp_path / "data" / "own" / "b.jpg")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to(tmp_path / "data")
    assert json.loads(run("check", tmp_path / "data", "--json").stdout)["files"] == 2


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x02garbage"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_without_weights_is_named(tmp_path, content, suffix):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(jd.errors.InputError, match="not a file of weights"):
        load_network(SMALL, path)


def test_a_file_that_fails_gives_exit_status_1(tmp_path, monkeypatch):
    (tmp_path / "bad.jpg").write_text("no image")
    monkeypatch.setattr(sys, "argv", ["jpegdomain", "verify", SMALL, str(tmp_path / "bad.jpg"), "--side", "32"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1


@pytest.mark.slow
def test_warm_as_a_module():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "jpegdomain", "warm", "--only", "codec", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    (row,) = json.loads(done.stdout)
    assert row["kernels"] == "codec"
