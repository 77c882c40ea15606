"""The comparison with an 8-bit decoder, on the embedded digits."""

import json

import pytest

from experiments import decoding
from experiments.lib.networks import EMBEDDED


def test_decoding_of_the_digits(tmp_path, capsys):
    output = tmp_path / "decoding.json"
    decoding.main([str(EMBEDDED / "digits" / "4"), "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    assert result["files"] == 30
    # White on black overshoots; after clamping, only rounding is left.
    assert result["median_over_files"]["mean_clamped"] < 0.6 < result["median_over_files"]["mean"]
    assert "over 30 files" in capsys.readouterr().out


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match=r"no \.jpg or \.jpeg file"):
        decoding.main([str(tmp_path)])
