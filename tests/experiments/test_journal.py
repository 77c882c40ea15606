"""Finished units survive a kill; units of another run are never mistaken for this run's."""

import json

import pytest

from experiments.lib.journal import Journal


def test_results_are_read_back(tmp_path):
    journal = Journal(tmp_path / "run", {"batch": 1, "channels": (8, 16)})
    journal.record("a", {"accuracy": 0.5})
    journal.record("b", [1, (2, 3)])
    assert journal.results == {"a": {"accuracy": 0.5}, "b": [1, [2, 3]]}
    assert Journal(tmp_path / "run", {"batch": 1, "channels": [8, 16]}).results == journal.results


def test_every_process_reads_what_the_others_wrote(tmp_path):
    Journal(tmp_path, {}, rank=0).record("a", 1)
    Journal(tmp_path, {}, rank=1).record("b", 2)
    assert Journal(tmp_path, {}, rank=5).results == {"a": 1, "b": 2}


@pytest.mark.parametrize("cut", [1, 5, 18])
def test_an_incomplete_line_is_dropped_and_overwritten(tmp_path, cut):
    """A kill may fall anywhere in a write, the first line's included."""
    first = Journal(tmp_path, {"batch": 1})
    path = tmp_path / "rank-0.jsonl"
    start = path.stat().st_size
    first.record("a", 1)
    first.record("b", 2)
    path.write_bytes(path.read_bytes()[:-cut])
    assert Journal(tmp_path, {"batch": 1}, rank=1).results == {"a": 1}
    again = Journal(tmp_path, {"batch": 1})
    assert again.results == {"a": 1}
    again.record("b", 3)
    assert Journal(tmp_path, {"batch": 1}).results == {"a": 1, "b": 3}
    path.write_bytes(path.read_bytes()[: start - 1])
    Journal(tmp_path, {"batch": 1}).record("c", 4)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"settings": {"batch": 1}},
        {"unit": "c", "result": 4},
    ]


def test_another_run_is_refused_and_loses_nothing(tmp_path):
    Journal(tmp_path / "run", {"batch": 1, "seed": 0}).record("a", 1)
    before = (tmp_path / "run" / "rank-0.jsonl").read_bytes()
    with pytest.raises(SystemExit, match=r"1 finished parts of a run with another seed, limit: .* delete the folder"):
        Journal(tmp_path / "run", {"batch": 1, "seed": 1, "limit": 3})
    assert (tmp_path / "run" / "rank-0.jsonl").read_bytes() == before


def test_settings_may_change_before_the_first_result(tmp_path):
    """Settings may be corrected as long as nothing is finished."""
    Journal(tmp_path, {"batch": 400})
    Journal(tmp_path, {"batch": 40}, rank=1).record("a", 1)
    Journal(tmp_path, {"batch": 40}).record("b", 2)
    assert Journal(tmp_path, {"batch": 40}).results == {"a": 1, "b": 2}
    with pytest.raises(SystemExit, match="1 finished parts of a run with another batch"):
        Journal(tmp_path, {"batch": 400})


def test_removal(tmp_path):
    journal = Journal(tmp_path / "run", {})
    journal.remove()
    assert not (tmp_path / "run").exists()
