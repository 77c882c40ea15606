"""The input stage's benchmark runs, and its sides compute the same thing."""

import json

import pytest

from benchmarks import inputs
from benchmarks.files import EMBEDDED


# torchvision's decoder is deprecated since version 0.29, but users have it.
@pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities of TorchVision:DeprecationWarning")
def test_it_runs_on_the_digits_and_writes_its_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(inputs, "_SHORT", 32)
    monkeypatch.setattr(inputs, "_CROP", 28)
    monkeypatch.setattr(inputs, "large_photograph", lambda files: files[0])
    output = tmp_path / "inputs.json"
    digits = f"digits={EMBEDDED}"
    sets = ["--files", digits, "--whole", f"whole {digits}", "--photographs", f"large {digits}"]
    inputs.main([*sets, "--limit", "4", "--batch", "3", "--repeats", "2", "--megapixels", "0", "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    assert len(result) == 5
    for name, measured in result.items():
        assert {"jpegdomain", "torchvision, uint8"} <= measured["median_ms"].keys()
        assert measured["ratios"]["jpegdomain"].keys() >= {"torchvision, uint8"}
        # An 8-bit decoder rounds and clamps, on digits with their black background more than elsewhere.
        assert measured["difference"]["torchvision, uint8"]["largest"] < 5, name
    assert str(EMBEDDED) not in output.read_text()
    assert "two threads" in capsys.readouterr().out
