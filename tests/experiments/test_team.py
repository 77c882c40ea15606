"""Two processes that train one network together reach one process's losses, also if another number resumes after a
kill."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from experiments.frequency_channels import run as experiment
from experiments.frequency_channels.entries import NoisyEntry
from experiments.frequency_channels.inputs import find_files
from experiments.frequency_channels.network import TeamGate
from experiments.lib.team import ALONE, Team, joined
from jpegdomain.errors import JpegFileError, LeftOutWarning
from tests.experiments.test_frequency_channels import SMALL, folder, timeless

__all__ = ["folder"]

ROOT = Path(__file__).parents[2]
# A small rate, since training amplifies what rounding changes; with seed 0 a rounding tips a choice, 3e-5 of a loss.
TOGETHER = (
    *("--parts", "2", "--model", "resnet10", "--variants", "RGB", "gate-24", "24S+noise-8", "--batch", "4"),
    *("--side", "48", "--short", "48", "--lr", "0.001", "--seed", "1"),
)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def together(module, given, output):
    """Start two processes that train each network together, as torchrun would, but in this test's session.

    Args:
        module: With the command's `main`, run by ``python -m``.
        given: Options.
        output: Of the run.
    """
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    return [
        started(
            module,
            [*given, "--processes-per-network", "2"],
            output,
            {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]


def started(module, given, output, environment=None):
    """Start a process that runs a module's `main`, with more in its environment."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *given, "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(processes):
    """Wait for processes to succeed; return what each printed to its standard error."""
    said = [process.communicate(timeout=1500)[1] for process in processes]
    for process, own in zip(processes, said, strict=True):
        assert process.returncode == 0, own
    return said


def killed(processes, folder):
    """Kill processes once a network's first epoch is done."""
    deadline = time.monotonic() + 1500
    while not list(folder.glob("*.pt")):
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline, "no epoch was finished"
        time.sleep(0.02)
    for process in processes:
        process.kill()
        process.communicate()


def losses(report):
    return torch.tensor([epoch["loss"] for one in report["result"]["each"] for epoch in one["epochs"]])


@pytest.fixture(scope="module")
def faulty(folder, tmp_path_factory):
    """The folder, with a CMYK file and a damaged one among those to train with."""
    root = tmp_path_factory.mktemp("faulty") / "images"
    shutil.copytree(folder, root)
    Image.new("CMYK", (60, 60), (10, 90, 30, 5)).save(root / "train" / "a" / "1.JPEG")
    (root / "train" / "b" / "5.JPEG").write_bytes(b"\xff\xd8 no image")
    return root


@pytest.fixture(scope="module")
def given(faulty):
    return ["--data", str(faulty), *SMALL, *TOGETHER]


@pytest.fixture(scope="module")
def alone(given, tmp_path_factory):
    """Return the result of one process."""
    return experiment.main([*given, "--output", str(tmp_path_factory.mktemp("alone") / "result.json")])


def assert_same(report, alone):
    torch.testing.assert_close(losses(report), losses(alone), rtol=0, atol=1e-5)
    # When it is tested, an image's noise depends on its place among its process's images.
    found, expected = (
        [
            (one["variant"], one["seed"], None if "noise" in one["variant"] else one["top1"])
            for one in own["result"]["each"]
        ]
        for own in (report, alone)
    )
    assert found == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jpegdomain.errors.LeftOutWarning")
def test_two_processes_train_as_one_does(given, alone, tmp_path):
    output = tmp_path / "result.json"
    finished(together("experiments.frequency_channels", given, output))
    report = json.loads(output.read_text())
    assert report["environment"]["processes"] == 2
    assert_same(report, alone)


def assert_resumed(said):
    # Three of the first network's six steps had been taken.
    assert "| 3/6 [" in said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jpegdomain.errors.LeftOutWarning")
def test_one_process_resumes_where_two_were_killed(given, alone, tmp_path, capsys):
    output = tmp_path / "result.json"
    killed(together("experiments.frequency_channels", given, output), output.with_suffix(".partial"))
    assert not output.exists()
    capsys.readouterr()
    report = experiment.main([*given, "--output", str(output)])
    assert report["environment"]["processes"] == 1
    assert_same(report, alone)
    assert_resumed(capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::jpegdomain.errors.LeftOutWarning")
def test_two_processes_resume_where_one_was_killed(given, alone, tmp_path):
    output = tmp_path / "result.json"
    killed([started("experiments.frequency_channels", given, output)], output.with_suffix(".partial"))
    first, _ = finished(together("experiments.frequency_channels", given, output))
    assert_same(json.loads(output.read_text()), alone)
    assert_resumed(first)


def test_processes_are_divided_into_teams():
    assert joined(3, 4, 1) == Team(0, 1, 3, 4)
    assert ALONE.share(["a", "b"]) == ["a", "b"]
    assert [Team(rank, 2, 0, 1).share([1, 2, 3, 4]) for rank in range(2)] == [[1, 2], [3, 4]]
    assert [Team(rank, 3, 0, 1).slice(range(5)) for rank in range(3)] == [range(1), range(1, 3), range(3, 5)]
    with pytest.raises(SystemExit, match="4 processes cannot be divided into teams of 3"):
        joined(0, 4, 3)
    with pytest.raises(SystemExit, match="3 parts of a batch cannot be divided equally among 2 processes"):
        Team(0, 2, 0, 1).share([1, 2, 3])
    with pytest.raises(SystemExit, match="1 processes cannot be divided into teams of 2"):
        experiment.main(["--data", "x", "--processes-per-network", "2"])


IMAGES = 6


def worked(team):
    """Everything that depends on a whole batch, for this process's images of it."""
    generator = torch.Generator().manual_seed(0)
    x, weights = torch.randn(IMAGES, 4, 5, 5, generator=generator), torch.randn(IMAGES, 3, generator=generator)
    rows = team.slice(range(IMAGES))
    own = slice(rows.start, rows.stop)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Dropout(0.3), nn.Linear(54, 3))
    gate, noisy = TeamGate(4, team), NoisyEntry(nn.Identity(), 2, team)
    gate.noise = 1.0
    team.synchronise(model)
    wrapped = team.wrapped(model)
    found = wrapped(x[own])
    (found * weights[own]).mean().backward()
    result = {"logits": found.detach(), "running": torch.cat([model[1].running_mean, model[1].running_var])}
    result["gradients"] = torch.cat([values.grad.flatten() for values in model.parameters()])
    result["kept"] = gate(x[own])[1].detach()
    result["noise"] = noisy(*x[own].split(1))
    # Half of the images keep nothing and half keep all: apart, one part is below the target and one above.
    scale = torch.ones((), requires_grad=True)
    kept = team.mean((scale * (torch.arange(IMAGES)[own] >= IMAGES // 2)).mean())
    penalty = (kept - 0.3).square()
    penalty.backward()
    result["penalty"], result["slope"] = penalty.detach(), team.mean(scale.grad)
    result["after"] = torch.rand(1)
    return result


def _worked_by(rank, port, folder):
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    team = joined(rank, 2, 2)
    result = worked(team)
    result["loaded"] = team.from_first(lambda: torch.arange(3) if rank == 0 else pytest.fail("has no checkpoint"))
    torch.save(result, folder / f"{rank}.pt")
    time.sleep(0.1)
    torch.distributed.destroy_process_group()


def test_what_depends_on_a_whole_batch_is_that_of_one_process(tmp_path):
    expected = worked(ALONE)
    torch.multiprocessing.spawn(_worked_by, (free_port(), tmp_path), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for name in ("logits", "kept", "noise"):
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), expected[name], rtol=0, atol=1e-6)
    for part in parts:
        for name in ("running", "gradients", "penalty", "slope", "after"):
            torch.testing.assert_close(part[name], expected[name], rtol=0, atol=1e-6)
        assert torch.equal(part["loaded"], torch.arange(3))
    # By hand: (½ − 0.3)², and its slope ½·2·(½ − 0.3).
    assert expected["penalty"] == pytest.approx(0.04)
    assert expected["slope"] == pytest.approx(0.2)


def test_batches_stay_whole_where_files_cannot_be_used(faulty, tmp_path):
    training, _ = find_files(faulty, None)
    with pytest.warns(LeftOutWarning) as said:
        items = training.__getitems__([0, 1, 10, 11])
    # The next one takes the place; after the last comes the first.
    assert [Path(image.source).parts[-2:] for image, _ in items] == [
        ("a", "0.JPEG"), ("a", "2.JPEG"), ("b", "4.JPEG"), ("a", "0.JPEG"),
    ]  # fmt: skip
    assert [label for _, label in items] == [0, 0, 1, 0]
    assert {name for name in ("a/1.JPEG", "b/5.JPEG") for one in said if name in str(one.message)} == {
        "a/1.JPEG", "b/5.JPEG",
    }  # fmt: skip
    shutil.copytree(faulty, tmp_path / "all")
    for file in (tmp_path / "all").glob("train/*/*"):
        file.write_bytes(b"\xff\xd8 no image")
    training, _ = find_files(tmp_path / "all", None)
    with (
        pytest.warns(LeftOutWarning),
        pytest.raises(JpegFileError, match="none of the 12 training files can be used"),
    ):
        training.__getitems__([3])


def test_one_process_keeps_torchs_batch_norm():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    ALONE.synchronise(model)
    assert type(model[1]) is nn.BatchNorm2d
    assert ALONE.wrapped(model) is model


def test_parts_draw_for_themselves(folder, tmp_path):
    """Another number of parts draws other crops, so it is a setting, and a run is not resumed with another number."""
    given = ["--data", str(folder), *SMALL, "--model", "resnet10", "--variants", "24S", "--epochs", "1", "--batch", "4"]
    one, two, same = (
        experiment.main([*given, "--parts", parts, "--output", str(tmp_path / f"{place}.json")])
        for place, parts in enumerate(("1", "2", "2"))
    )
    assert timeless(two)["each"] == timeless(same)["each"]
    assert not torch.equal(losses(one), losses(two))
    with pytest.raises(SystemExit, match="a batch of 4 images cannot be divided into 3 equal parts"):
        experiment.main([*given, "--parts", "3"])
