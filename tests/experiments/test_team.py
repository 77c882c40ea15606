"""Two processes that train one network together come to one process's losses, whoever goes on after a kill."""

import json
import os
import signal
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
# A small rate: what rounding changes, training amplifies.
TOGETHER = (
    *("--parts", "2", "--model", "resnet10", "--variants", "RGB", "gate-24", "--batch", "4"),
    *("--side", "48", "--short", "48", "--lr", "0.001"),
)


def launched(count, *command):
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*launch, *command], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def losses(report):
    return torch.tensor([epoch["loss"] for one in report["result"]["each"] for epoch in one["epochs"]])


@pytest.mark.slow
def test_two_processes_train_as_one_does(folder, tmp_path):
    given = ["--data", str(folder), *SMALL, *TOGETHER]
    alone = experiment.main([*given, "--output", str(tmp_path / "1.json")])
    output = tmp_path / "2.json"
    process = launched(
        2, "-m", "experiments.frequency_channels", *given, "--processes-per-network", "2", "--output", str(output)
    )
    # Killed once a network's first epoch is done, and taken up by one process.
    deadline = time.monotonic() + 120
    while process.poll() is None and not list(output.with_suffix(".partial").glob("*.pt")):
        assert time.monotonic() < deadline, "no epoch was finished"
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    if not output.exists():
        again = launched(
            2, "-m", "experiments.frequency_channels", *given, "--processes-per-network", "2", "--output", str(output)
        )
        _, said = again.communicate(timeout=120)
        assert again.returncode == 0, said
    together = json.loads(output.read_text())
    assert together["environment"]["processes"] == 2
    torch.testing.assert_close(losses(together), losses(alone), rtol=0, atol=1e-5)
    rows = [
        [one[key] for one in report["result"]["each"] for key in ("variant", "top1")] for report in (alone, together)
    ]
    assert rows[0] == rows[1]


def test_processes_are_divided_into_teams():
    assert joined(3, 4, 1) == Team(0, 1, 3, 4)
    assert ALONE.share(["a", "b"]) == ["a", "b"]
    assert [Team(rank, 2, 0, 1).share([1, 2, 3, 4]) for rank in range(2)] == [[1, 2], [3, 4]]
    with pytest.raises(SystemExit, match="4 processes cannot be divided into teams of 3"):
        joined(0, 4, 3)
    with pytest.raises(SystemExit, match="3 parts of a batch cannot be divided by 2 processes"):
        Team(0, 2, 0, 1).share([1, 2, 3])
    with pytest.raises(SystemExit, match="1 processes cannot be divided into teams of 2"):
        experiment.main(["--data", "x", "--processes-per-network", "2"])


def test_one_process_keeps_torchs_batch_norm():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    ALONE.synchronise(model)
    assert type(model[1]) is nn.BatchNorm2d
    assert ALONE.wrapped(model) is model


def test_parts_draw_for_themselves(folder, tmp_path):
    """Another division draws other crops: it is a setting, and a run does not go on with another one."""
    given = ["--data", str(folder), *SMALL, "--model", "resnet10", "--variants", "24S", "--epochs", "1", "--batch", "4"]
    one, two, same = (
        experiment.main([*given, "--parts", parts, "--output", str(tmp_path / f"{place}.json")])
        for place, parts in enumerate(("1", "2", "2"))
    )
    assert timeless(two)["each"] == timeless(same)["each"]
    assert not torch.equal(losses(one), losses(two))
    with pytest.raises(SystemExit, match="a batch of 4 images cannot be divided into 3 equal parts"):
        experiment.main([*given, "--parts", "3"])
