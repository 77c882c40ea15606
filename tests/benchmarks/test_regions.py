"""The regions' benchmark runs, and says what it measured."""

import json

from benchmarks import regions


def test_it_runs_on_the_digits_and_writes_its_figures(tmp_path, capsys):
    output = tmp_path / "regions.json"
    regions.main(["--grids", "1x1", "--side", "100", "--repeats", "2", "--output", str(output)])
    result = json.loads(output.read_text())["result"]["1x1"]
    assert result["megapixels"] == 1020 * 680 / 1e6
    assert result["ratios"].keys() == result["milliseconds"].keys() - {"whole"}
    assert {"tile, index", "tile, index, from disk", "tile, restart markers"} <= result["ratios"].keys()
    assert "tile, index" in capsys.readouterr().out
