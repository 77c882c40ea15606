"""The regions' benchmark runs, and says what it measured."""

import json

from benchmarks import regions


def test_it_runs_on_the_digits_and_writes_its_results(tmp_path, capsys):
    output = tmp_path / "regions.json"
    sizes = ["--grids", "1x1", "--side", "100", "--passes", "below 75 kB"]
    regions.main([*sizes, "--repeats", "2", "--output", str(output)])
    whole = json.loads(output.read_text())["result"]
    result, passes = whole["1x1"], whole["passes"]
    assert passes.keys() == {"below 75 kB"}
    assert all(one["ratios"].keys() == {"indexes, first pass", "indexes, second pass"} for one in passes.values())
    assert all(one["index_bytes"] > 0 for one in passes.values())
    assert result["megapixels"] == 1020 * 680 / 1e6
    assert result["ratios"].keys() == result["milliseconds"].keys() - {"whole"}
    assert {"tile, index", "tile, index, from disk", "tile, restart markers"} <= result["ratios"].keys()
    assert "tile, index" in capsys.readouterr().out
