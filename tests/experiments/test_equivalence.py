"""The experiment end to end on the embedded digits: what it prints, writes and survives."""

import gzip
import json
import shutil
import struct

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST

from experiments import equivalence
from experiments.equivalence import Tally
from experiments.lib.images import JpegFiles
from experiments.lib.networks import EMBEDDED, load_embedded, load_network
from jpegdomain.errors import JpegFileError


def run(tmp_path, *arguments):
    output = tmp_path / "result.json"
    report = equivalence.main(["--output", str(output), *arguments])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


def finished(tmp_path):
    """The units that an interrupted run has kept."""
    lines = (tmp_path / "result.partial" / "rank-0.jsonl").read_text().splitlines()
    return [json.loads(line)["unit"] for line in lines[1:]]


def test_the_embedded_default(tmp_path, capsys):
    report = run(tmp_path, "--limit", "100", "--frequencies", "6,15")
    result = report["result"]
    assert result["images"] == 100
    assert result["agreement"] == 1
    assert result["relative_deviation"] < 1e-9
    assert result["accuracy"]["converted"] == result["accuracy"]["spatial"] > 0.95
    assert result["frequencies"]["15"] == {"asm": result["accuracy"]["spatial"], "apx": result["accuracy"]["spatial"]}
    assert result["frequencies"]["6"]["asm"] > 0.9
    assert {"commit", "torch", "processor", "time"} <= report["environment"].keys()
    printed = capsys.readouterr().out
    assert "same top-1" in printed
    assert "frequencies   ASM" in printed
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_a_data_set_of_torchvision_is_encoded_without_loss(tmp_path):
    """A generated MNIST, in the files that torchvision reads."""
    raw = tmp_path / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    for name, data in (
        ("t10k-images-idx3-ubyte", struct.pack(">4i", 2051, 12, 28, 28) + pixels.tobytes()),
        ("t10k-labels-idx1-ubyte", struct.pack(">2i", 2049, 12) + bytes(range(10)) + b"\x00\x01"),
    ):
        (raw / name).write_bytes(data)
        (raw / f"{name}.gz").write_bytes(gzip.compress(data))
        for other in ("train",):
            (raw / name.replace("t10k", other)).write_bytes(data)
    assert len(MNIST(tmp_path / "mnist", train=False)) == 12
    result = run(tmp_path, "--data", "mnist", "--root", str(tmp_path / "mnist"), "--batch", "5")["result"]
    assert result["images"] == 12
    assert result["relative_deviation"] < 1e-9
    assert "spatial_on_8_bit_decoding" not in result["accuracy"]


def test_an_interrupted_run_resumes_and_gives_the_same_result(tmp_path, monkeypatch):
    arguments = ("--limit", "60", "--batch", "10", "--frequencies", "15")
    whole = run(tmp_path, *arguments)["result"]
    load, calls = JpegFiles.load, []

    def interrupted(self, unit, *rest):
        calls.append(unit)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return load(self, unit, *rest)

    monkeypatch.setattr(JpegFiles, "load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *arguments)
    assert finished(tmp_path) == ["0", "1", "2"]
    assert run(tmp_path, *arguments)["result"] == whole
    assert len(calls) == 4 + 3
    assert calls[4] == calls[3]


def test_other_weights_are_another_run(tmp_path, monkeypatch):
    """With other weights in a file of the same name, finished parts are neither reused nor lost."""
    model = load_network("cifar_resnet20", None, 10, 3)
    arguments = ["--limit", "20", "--batch", "10", "--model", "cifar_resnet20", "--weights", str(tmp_path / "w.pt")]
    torch.save(model.state_dict(), tmp_path / "w.pt")
    load = JpegFiles.load

    def interrupted(self, unit, *rest):
        if unit[0]:
            raise KeyboardInterrupt
        return load(self, unit, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(JpegFiles, "load", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, *arguments)
    torch.save({key: value + 1 for key, value in model.state_dict().items()}, tmp_path / "w.pt")
    with pytest.raises(SystemExit, match="another fingerprint"):
        run(tmp_path, *arguments)
    assert finished(tmp_path) == ["0"]


def test_a_damaged_file_is_named_and_loses_nothing(tmp_path):
    folder = tmp_path / "digits"
    shutil.copytree(EMBEDDED / "digits" / "3", folder / "3")
    victim = sorted((folder / "3").glob("*.jpg"))[25]
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(JpegFileError, match=victim.name):
        run(tmp_path, "--data", str(folder), "--batch", "10", "--frequencies", "15")
    assert finished(tmp_path) == ["0", "1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere is not a folder"),
        (["--data", "cifar10"], "needs --root FOLDER"),
        (["--root", "somewhere"], "--root and --download are for mnist, cifar10, cifar100, not for the folder"),
        (["--model", "resnet19"], "no model is called 'resnet19'"),
        (["--model", "embedded", "--weights", "x.pt"], "has its own weights"),
        (["--model", "three_block", "--weights", "pretrained"], "only torchvision's models"),
        (["--model", "cifar_resnet20", "--weights", "nowhere.th"], "there is no file nowhere.th"),
        (["--frequencies", "0-3"], None),
        (["--batch", "0"], None),
        (["--device", "cuda:99"], None),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(tmp_path, monkeypatch, arguments, message):
    monkeypatch.delenv("JPEGDOMAIN_DATA", raising=False)
    with pytest.raises(SystemExit, match=message):
        run(tmp_path, *arguments)


def test_checkpoints_of_data_parallel_load(tmp_path):
    model = load_network("cifar_resnet20", None, 10, 3)
    state = {f"module.{key}": value for key, value in model.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "weights.th")
    loaded = load_network("cifar_resnet20", str(tmp_path / "weights.th"), 10, 3)
    assert torch.equal(loaded.conv1.weight, model.conv1.weight)


def test_tallies_work_if_no_answer_is_right():
    logits, labels = torch.eye(3), torch.tensor([1, 2, 0])
    one, other = Tally(), Tally()
    one.compare(logits, logits + 0.5, labels)
    other.compare(logits, logits, torch.tensor([0, 2, 0]))
    both = one + other
    assert (one.correct, other.correct) == ({"spatial": 0, "converted": 0}, {"spatial": 1, "converted": 1})
    assert (one + one).accuracy("spatial") == 0
    assert (both.images, both.agree, both.deviation, both.accuracy("converted")) == (6, 6, 0.5, 1 / 6)


def test_untrained_networks_are_the_same_each_time():
    """Several processes, and a resumed run, must have the same network."""
    first, second = (load_network("three_block", None, 10, 1) for _ in range(2))
    torch.testing.assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=0, atol=0)


def test_a_tally_refuses_logits_that_are_not_finite():
    logits = torch.zeros(2, 3)
    with pytest.raises(FloatingPointError):
        Tally().compare(logits, torch.full_like(logits, float("nan")), torch.tensor([0, 1]))


def test_the_embedded_digits_are_what_their_readme_says():
    images = JpegFiles(EMBEDDED / "digits")
    assert (len(images), images.classes, images.channels) == (300, 10, 1)
    assert sum(p.numel() for p in load_embedded().parameters()) == 19_242
    size = sum(path.stat().st_size for path in EMBEDDED.rglob("*") if path.is_file())
    assert size < 300_000
