"""Sides are timed in turn and compared round by round."""

import json

from benchmarks.timing import interleaved, ratio, write


def test_sides_take_turns_and_warm_up_uncounted():
    calls = []
    seconds = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3, warmup=2)
    assert calls == ["a", "b"] * 5
    assert {name: len(rounds) for name, rounds in seconds.items()} == {"a": 3, "b": 3}


def test_ratios_compare_times_of_the_same_round():
    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 1.0]) == {"median": 3.0, "smallest": 2.0, "largest": 8.0}


def test_a_result_says_where_it_comes_from(tmp_path):
    write(tmp_path / "new" / "one.json", "one", {"batch": 8}, {"ms": 1.5})
    report = json.loads((tmp_path / "new" / "one.json").read_text())
    assert (report["benchmark"], report["settings"], report["result"]) == ("one", {"batch": 8}, {"ms": 1.5})
    assert {"commit", "threads", "torch"} <= report["environment"].keys()
