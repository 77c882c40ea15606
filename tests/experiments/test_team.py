"""Two processes that train one network together reach one process's losses, also if another number resumes after a
kill."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from experiments.frequency_channels import run as experiment
from experiments.lib.team import ALONE, Team, joined
from tests.experiments.test_frequency_channels import SMALL, folder, timeless

__all__ = ["folder"]

ROOT = Path(__file__).parents[2]
# A small rate, since training amplifies what rounding changes.
TOGETHER = (
    *("--parts", "2", "--model", "resnet10", "--variants", "RGB", "gate-24", "--batch", "4"),
    *("--side", "48", "--short", "48", "--lr", "0.001"),
)


def together(module, given, output):
    """Start two processes that train each network together, as torchrun would, but in this test's session.

    Args:
        module: With the command's `main`, run by ``python -m``.
        given: Options.
        output: Of the run.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", module, *given, "--processes-per-network", "2"]
    shared = {"PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [*command, "--output", str(output)],
            cwd=ROOT,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]


def finished(processes):
    """Wait for processes to succeed."""
    for process in processes:
        _, said = process.communicate(timeout=1500)
        assert process.returncode == 0, said


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
def given(folder):
    return ["--data", str(folder), *SMALL, *TOGETHER]


@pytest.fixture(scope="module")
def alone(given, tmp_path_factory):
    """Return the result of one process."""
    return experiment.main([*given, "--output", str(tmp_path_factory.mktemp("alone") / "result.json")])


def assert_same(report, alone):
    torch.testing.assert_close(losses(report), losses(alone), rtol=0, atol=1e-5)
    found, expected = (
        [[one[key] for key in ("variant", "seed", "top1")] for one in own["result"]["each"]] for own in (report, alone)
    )
    assert found == expected


@pytest.mark.slow
def test_two_processes_train_as_one_does(given, alone, tmp_path):
    output = tmp_path / "result.json"
    finished(together("experiments.frequency_channels", given, output))
    report = json.loads(output.read_text())
    assert report["environment"]["processes"] == 2
    assert_same(report, alone)


@pytest.mark.slow
def test_one_process_resumes_where_two_were_killed(given, alone, tmp_path, capsys):
    output = tmp_path / "result.json"
    killed(together("experiments.frequency_channels", given, output), output.with_suffix(".partial"))
    assert not output.exists()
    capsys.readouterr()
    report = experiment.main([*given, "--output", str(output)])
    assert report["environment"]["processes"] == 1
    assert_same(report, alone)
    # It did not start again: three of the first network's six steps had been taken.
    assert "| 3/6 [" in capsys.readouterr().err


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
