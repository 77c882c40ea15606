"""The codec's benchmark runs, and says what it measured."""

import io
import json

import pytest
from PIL import Image

from benchmarks import codec
from benchmarks.files import EMBEDDED, large_photograph, recoded, spread


# torchvision's decoder is deprecated since version 0.29, but users have it.
@pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities of TorchVision:DeprecationWarning")
def test_it_runs_on_the_digits_and_writes_its_results(tmp_path, monkeypatch, capsys):
    # Separate processes and a large photograph take long, and do not matter for how the sides compare.
    monkeypatch.setattr(codec, "first_use", lambda file: {"cold_first_file": 0.0})
    monkeypatch.setattr(codec, "large_photograph", lambda files: files[0])
    output = tmp_path / "codec.json"
    codec.main(["--limit", "3", "--repeats", "2", "--output", str(output)])
    result = json.loads(output.read_text())["result"]
    for part in ("sets", "progressive"):
        measured = result[part]["digits"]
        assert measured["files"] == 3
        assert {"jpegdomain", "jpegdomain, batch", "torchvision", "Pillow"} <= measured["median_ms"].keys()
        assert measured["ratios"].keys() == measured["median_ms"].keys() - {"torchvision"}
    assert result["threads"]["digits"]["ratios"].keys() == {"speed of two"}
    assert "ratio to torchvision" in capsys.readouterr().out


def test_files_are_spread_over_the_folders():
    files = spread(EMBEDDED, 10)
    assert len(files) == 10
    every = {path.read_bytes(): path.parent.name for path in EMBEDDED.rglob("*.jpg")}
    assert len({every[file] for file in files}) >= 8
    assert len(spread(EMBEDDED, 10**6)) == len(list(EMBEDDED.rglob("*.jpg")))


def test_a_folder_without_files_is_named(tmp_path):
    with pytest.raises(SystemExit, match="holds no JPEG files"):
        spread(tmp_path, 1)


def test_made_files_are_what_they_are_called():
    (file,) = spread(EMBEDDED, 1)
    for progressive in (False, True):
        with Image.open(io.BytesIO(recoded(file, progressive))) as image:
            assert ("progressive" in image.info) == progressive
    with Image.open(io.BytesIO(large_photograph([file]))) as image:
        assert image.size == (4000, 3000)
        assert image.layer[0][1:3] == (2, 2)
