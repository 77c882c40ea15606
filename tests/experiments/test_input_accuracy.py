"""Answers from either side's pixels: the same network, files and labels."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from experiments.input_accuracy import labelled_files, main, same_padding, table
from tests.command.test_command import photograph


def test_classes_come_from_folders_or_from_imagenets_names(tmp_path):
    for name in ("b/1.jpg", "a/x/2.JPEG", "a/3.jpg"):
        (tmp_path / "folders" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folders" / name).touch()
    paths, labels, classes = labelled_files(tmp_path / "folders")
    assert [(path.name, label) for path, label in zip(paths, labels, strict=True)] == [
        ("3.jpg", 0),
        ("2.JPEG", 0),
        ("1.jpg", 1),
    ]
    assert classes == 2
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "n01728572_thunder_snake.JPEG").touch()
    assert labelled_files(tmp_path / "names")[1:] == ([52], 1000)
    (tmp_path / "names" / "n0_nothing.jpg").touch()
    with pytest.raises(ValueError, match="no class called 'nothing'"):
        labelled_files(tmp_path / "names")


def test_same_padding_is_tensorflows():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 4, 3, padding=1)).double()
    weight = net[0].weight, net[0].bias
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    expected = net[1](F.conv2d(F.pad(x, (0, 1, 0, 1)), *weight, stride=2))
    torch.testing.assert_close(same_padding(net)(x), expected)


def test_from_the_command_line(tmp_path, capsys):
    (tmp_path / "data" / "one").mkdir(parents=True)
    (tmp_path / "data" / "two").mkdir()
    files = [tmp_path / "data" / ("one", "two")[number % 2] / f"{number}.jpg" for number in range(4)]
    for path in files:
        photograph(path)
    out = tmp_path / "out.json"
    report = main([str(tmp_path / "data"), "--resize", "40", "--crop", "32", "--output", str(out)])
    result = report["result"]
    assert result["files"] == len(files)
    assert 0 < result["mean_levels"] < 3
    assert result["logits"]["largest_difference"] > 0
    assert out.exists()
    assert table([report]) in capsys.readouterr().out
