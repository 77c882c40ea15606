"""Several processes share the units of a run and end with one process's numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from experiments import equivalence
from experiments.lib.distributed import World, world
from experiments.lib.journal import Journal

ROOT = Path(__file__).parent.parent.parent
SHARED = """
import sys
from pathlib import Path
from experiments.lib.distributed import world
from experiments.lib.journal import Journal

folder, = map(Path, sys.argv[1:])
with world("cpu") as here:
    # Each process in a folder of its own, as on two machines.
    journal = Journal(folder / str(here.rank) / "run", {}, here.rank)
    results = here.share(["a", "b", "c", "d"], journal, lambda unit: [unit, here.rank], "units")
    (folder / f"{here.rank}.txt").write_text(repr(list(results.items())))
    here.conclude(journal, lambda: (folder / "written.txt").write_text(str(here.rank)))
"""


def torchrun(*command):
    launch = [sys.executable, "-W", "error", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([*launch, *command], cwd=ROOT, env=environment, check=True, capture_output=True)


@pytest.mark.slow
def test_two_machines_share_the_units(tmp_path):
    """One unit was finished before the interruption, on the second machine; it is not done again."""
    Journal(tmp_path / "1" / "run", {}, rank=1).record("c", ["c", "before"])
    (tmp_path / "script.py").write_text(SHARED)
    torchrun(str(tmp_path / "script.py"), str(tmp_path))
    expected = repr([("a", ["a", 0]), ("b", ["b", 1]), ("c", ["c", "before"]), ("d", ["d", 0])])
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)] == [expected] * 2
    assert (tmp_path / "written.txt").read_text() == "0"
    assert not (tmp_path / "0" / "run").exists()
    assert not (tmp_path / "1" / "run").exists()


@pytest.mark.slow
def test_equivalence(tmp_path):
    given = ["--limit", "100", "--batch", "20", "--frequencies", "6,15", "--threads", "1", "--output"]
    equivalence.main([*given, str(tmp_path / "1.json")])
    torchrun("-m", "experiments.equivalence", *given, str(tmp_path / "2.json"))
    first, second = (json.loads((tmp_path / f"{size}.json").read_text()) for size in (1, 2))
    assert [first["environment"]["processes"], second["environment"]["processes"]] == [1, 2]
    assert first["settings"] == second["settings"]
    assert first["result"] == second["result"]


def test_alone(tmp_path):
    journal = Journal(tmp_path, {})
    here = World(0, 1, torch.device("cpu"))
    calls = []
    assert here.share(["a", "b"], journal, lambda unit: calls.append(unit) or unit * 2, "") == {"a": "aa", "b": "bb"}
    assert here.share(["b", "c"], journal, lambda unit: calls.append(unit) or unit, "") == {"b": "bb", "c": "c"}
    assert calls == ["a", "b", "c"]


def test_arithmetic_is_made_repeatable():
    with world("cpu", threads=torch.get_num_threads()) as here:
        assert (here.rank, here.size, here.first) == (0, 1, True)
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
