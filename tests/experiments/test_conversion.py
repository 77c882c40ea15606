"""Both experiments that train networks, end to end on the embedded digits."""

import copy
import json
import signal
import subprocess
import sys
import time

import pytest
import torch

import jpegdomain as jd
from experiments import conversion, jpeg_training
from experiments.lib.ensemble import seeded
from experiments.lib.labelled import Labelled
from experiments.lib.networks import EMBEDDED
from jpegdomain.models import three_block_net

from .test_distributed import ROOT, torchrun

SMALL = ["--epochs", "2", "--batch", "10", "--channels", "2", "3", "4", "--frequencies", "4,15", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten digits of each class to train on, and five to test with."""
    root = tmp_path_factory.mktemp("digits")
    for name in sorted(path.name for path in (EMBEDDED / "digits").iterdir() if path.is_dir()):
        for split, part in (("train", slice(0, 10)), ("test", slice(10, 15))):
            (root / split / name).mkdir(parents=True)
            for path in sorted((EMBEDDED / "digits" / name).glob("*.jpg"))[part]:
                (root / split / name / path.name).symlink_to(path)
    return root


def arguments(folder, output, *more):
    return ["--data", str(folder), *SMALL, "--output", str(output), *more]


def result(path):
    """Return the report without time and machine."""
    report = json.loads(path.read_text())
    return report["settings"], report["result"]


def test_conversion(folder, tmp_path, capsys):
    weights = tmp_path / "weights"
    output = tmp_path / "a" / "result.json"
    given = arguments(folder, output, "--networks", "3", "--group", "2", "--weights", str(weights), "--seed", "7")
    report = conversion.main(given)
    settings, found = result(output)
    assert json.loads(json.dumps(report["result"])) == found
    assert settings["networks"] == 3
    assert (settings["training_images"], settings["test_images"]) == (100, 50)
    assert [one["seed"] for one in found["each"]] == [7, 8, 9]
    accuracies = [one["spatial"] for one in found["each"]]
    assert found["accuracy"]["spatial"]["mean"] == pytest.approx(sum(accuracies) / 3)
    assert found["accuracy_deviation"]["largest"] <= 0.02
    assert found["different_beyond_ties"] == 0
    assert 0 < found["largest_deviation"] < 1e-4 * found["largest_logit"]
    assert found["frequencies"]["15"]["asm"] == found["frequencies"]["15"]["apx"] == found["accuracy"]["converted"]
    assert "other top-1" in capsys.readouterr().out
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert not output.with_suffix(".partial").exists()
    network = three_block_net(1, 10, (2, 3, 4))
    network.load_state_dict(torch.load(weights / "spatial-8.pt", weights_only=True))
    assert int(network.block1.bn1.num_batches_tracked) == 20


def test_an_inexact_conversion_is_noticed(monkeypatch):
    """Ties are detected from the logits alone: a large error does not make a tie."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(30, 1, 32, 32, generator=generator), torch.zeros(30, dtype=torch.int64)
    data = Labelled(jd.encode(images), labels)
    network = seeded(lambda: three_block_net(1, 3, (2, 3, 4)), 0).eval()

    converted = copy.deepcopy(jd.convert(network))
    with torch.no_grad():
        converted.linear.bias[0] += 100
        others = int((network(images).argmax(1) != 0).sum())
    monkeypatch.setattr(jd, "convert", lambda _: converted)
    found = conversion.compare(network, data, [15])
    assert others > 0
    assert found["different"] == found["different_beyond_ties"] == others
    assert found["deviation"] == pytest.approx(100, rel=1e-5)
    assert found["converted"] == 1
    # The same two logits are the largest for every image, and equal except for rounding.
    with torch.no_grad():
        for one, first in ((network, 1), (converted, 2)):
            one.linear.weight[1:] = network.linear.weight[1]
            one.linear.bias.copy_(torch.tensor([-100.0, 0.0, 0.0]))
            one.linear.bias[first] += 1e-6
    found = conversion.compare(network, data, [15])
    assert found["different"] == 30
    assert found["different_beyond_ties"] == 0


def test_training_in_the_jpeg_domain(folder, tmp_path):
    output = tmp_path / "result.json"
    jpeg_training.main(arguments(folder, output, "--networks", "2", "--group", "3"))
    _, found = result(output)
    assert [(one["method"], one["seed"], one["frequencies"]) for one in found["each"]] == [
        (method, seed, n)
        for pairs in ([(0, 4), (0, 15), (1, 4)], [(1, 15)])
        for method in ("asm", "apx")
        for seed, n in pairs
    ]
    by_method = {"asm": {}, "apx": {}}
    for one in found["each"]:
        by_method[one["method"]][one["seed"], one["frequencies"]] = one["loss"]
    for seed in (0, 1):
        # The two are the same network if exact, but not if approximated.
        assert by_method["asm"][seed, 15] == pytest.approx(by_method["apx"][seed, 15], rel=1e-3)
        assert by_method["asm"][seed, 4] != pytest.approx(by_method["apx"][seed, 4], rel=1e-3)
    assert output.with_suffix(".png").exists()


def test_a_run_with_more_networks_reuses_those_of_a_smaller_run(folder, tmp_path, monkeypatch):
    """Complete groups are reused; the order of seeds and frequencies stays the same."""
    output = tmp_path / "result.json"
    monkeypatch.setattr("experiments.lib.distributed.World.conclude", lambda *_: None)
    conversion.main(arguments(folder, output, "--networks", "2", "--group", "2"))
    seen = []
    train = conversion.TrainingRun.train

    def spy(self, networks, seeds, names):
        seen.append(seeds)
        return train(self, networks, seeds, names)

    monkeypatch.setattr(conversion.TrainingRun, "train", spy)
    conversion.main(arguments(folder, output, "--networks", "3", "--group", "2"))
    assert seen == [[2]]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["conversion", "jpeg_training"])
def test_two_processes_give_one_process_its_bits(folder, tmp_path, module):
    given = ["--networks", "3", "--group", "1"]
    {"conversion": conversion, "jpeg_training": jpeg_training}[module].main(
        arguments(folder, tmp_path / "1.json", *given)
    )
    torchrun("-m", f"experiments.{module}", *arguments(folder, tmp_path / "2.json", *given))
    assert json.loads((tmp_path / "2.json").read_text())["environment"]["processes"] == 2
    assert result(tmp_path / "1.json") == result(tmp_path / "2.json")
    assert not (tmp_path / "2.partial").exists()


@pytest.mark.slow
def test_a_killed_run_resumes(folder, tmp_path):
    """It is killed as soon as a group is on disk, at any moment of the next one."""
    given = ["--networks", "3", "--group", "1"]
    conversion.main(arguments(folder, tmp_path / "whole.json", *given))
    output = tmp_path / "killed.json"
    command = [sys.executable, "-m", "experiments.conversion", *arguments(folder, output, *given)]
    journal = tmp_path / "killed.partial" / "rank-0.jsonl"
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not journal.exists() or journal.read_text().count("\n") < 2):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not output.exists()
    kept = journal.read_text().count("\n") - 1
    assert 1 <= kept < 3
    conversion.main(arguments(folder, output, *given))
    assert result(output) == result(tmp_path / "whole.json")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--data", "nowhere"], "nowhere has no folders train and test"),
        (["--data", "cifar100"], "needs --root FOLDER"),
        (["--data", "mnist", "--root", "nowhere"], "mnist: nowhere: Dataset not found"),
        (["--batch", "101"], "only 100 training images"),
        (["--networks", "0"], None),
        (["--frequencies", "1-16"], None),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(folder, tmp_path, monkeypatch, more, message):
    monkeypatch.delenv("JPEGDOMAIN_DATA", raising=False)
    with pytest.raises(SystemExit, match=message):
        conversion.main(arguments(folder, tmp_path / "result.json", *more))
