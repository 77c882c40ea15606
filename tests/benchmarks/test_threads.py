"""The threads' benchmark runs, and says what it measured."""

import json

import torch

from benchmarks import threads


def test_it_runs_on_the_digits_and_writes_its_results(tmp_path, capsys):
    output, usual = tmp_path / "threads.json", torch.get_num_threads()
    threads.main(["--limit", "12", "--run", "5", "40", "--repeats", "2", "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    assert result.keys() == {"digits, 5 a call", "digits, 12 a call"}
    for row in result.values():
        assert row["files"] == 12
        for stage in ("read_jpegs", "read_pixels"):
            assert row[stage]["microseconds"].keys() == {"1", "2"}
            assert 0 < row[stage]["serial_share"] < 1
    assert "times as fast" in capsys.readouterr().out
    assert torch.get_num_threads() == usual
