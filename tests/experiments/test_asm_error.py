"""Figure 4a against a naive computation; interrupted runs, shared runs, and runs from end to end.

The oracle has its own cosines and works on pixels, block by block; it imports nothing from the package.
"""

import json
import math
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import jpegdomain as jd
from experiments import asm_error
from experiments.lib import networks
from experiments.lib.images import JpegFiles
from experiments.lib.networks import EMBEDDED, load_embedded
from experiments.lib.relus import ALL, DrawnInputs, measure

COSINES = np.array(
    [
        [math.cos((2 * m + 1) * a * math.pi / 16) * (math.sqrt(1 / 8) if a == 0 else 0.5) for m in range(8)]
        for a in range(8)
    ]
)

# Means of the blocks' RMSEs from an independent run on 200,000 blocks.
KNOWN = {
    "asm": {1: 0.3445, 3: 0.2395, 5: 0.1223, 7: 0.0489, 9: 0.0150, 12: 0.0018},
    "apx": {1: 0.3654, 3: 0.2971, 5: 0.2190, 7: 0.1421, 9: 0.0722, 12: 0.0229},
}
BLOCKS = 200_000


def errors(block, method, frequencies):
    """Squared errors of the pixels of one 8×8 block."""
    coefficients = COSINES @ block @ COSINES.T
    for a in range(8):
        for b in range(8):
            if a + b >= frequencies:
                coefficients[a, b] = 0
    low = COSINES.T @ coefficients @ COSINES
    approximation = np.where(low > 0, block, 0) if method == "asm" else np.maximum(low, 0)
    return (approximation - np.maximum(block, 0)) ** 2


class Given:
    """Given inputs."""

    units = ("0",)

    def __init__(self, samples, pixels):
        self.samples, self.pixels = samples, pixels

    def feed(self, unit, receive):
        for name, pixels in self.pixels.items():
            receive(name, jd.encode(pixels), jd.encode(pixels.relu()))


@pytest.mark.parametrize("method", ["asm", "apx"])
@pytest.mark.parametrize("frequencies", [1, 2, 6, 11, 14])
def test_drawn_blocks_against_the_oracle(method, frequencies):
    inputs = DrawnInputs(4, 300, 5, torch.float64, torch.device("cpu"))
    blocks = []
    inputs.feed("0", lambda name, before, exact: blocks.extend(jd.decode(before)[0].numpy()))
    expected = np.array([errors(block, method, frequencies).mean() for block in blocks])
    moments = measure(inputs, "0")[ALL, method, frequencies]
    assert moments.total("samples") == moments.total("blocks") == len(expected) == 300
    mean, rmse = moments.ratio("block_rmse", "blocks"), moments.root_of_ratio("error", "pixels")
    assert mean.value == pytest.approx(np.sqrt(expected).mean(), rel=1e-9, abs=1e-14)
    assert rmse.value == pytest.approx(math.sqrt(expected.mean()), rel=1e-9, abs=1e-14)
    half = 1.959963984540054 * np.sqrt(expected).std(ddof=1) / math.sqrt(300)
    assert mean.high - mean.value == pytest.approx(half, rel=1e-6, abs=1e-14)
    # The delta method, on the mean square.
    half = 1.959963984540054 * expected.std(ddof=1) / math.sqrt(300) / (2 * math.sqrt(expected.mean()))
    assert rmse.value - rmse.low == pytest.approx(half, rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("side", [4, 8])
def test_no_error_is_left_at_15(side):
    sums = measure(DrawnInputs(side, 300, 5, torch.float64, torch.device("cpu")), "0")
    for method in ("asm", "apx"):
        assert sums[ALL, method, 15].root_of_ratio("error", "pixels").value < 1e-15


def test_partial_blocks_images_and_relus_against_the_oracle():
    """Images of 12×20, two ReLUs: a block's pixels inside the image count, and an image's blocks belong together."""
    random = np.random.default_rng(3)
    pixels = {name: random.normal(size=(5, channels, 12, 20)) for name, channels in (("first", 9), ("second", 3))}
    sums = measure(Given("images", {name: torch.from_numpy(values) for name, values in pixels.items()}), "0")
    for method, n in (("asm", 4), ("apx", 9)):
        squares, roots, counts, signals = [], [], [], []
        for values in pixels.values():
            for image in values:
                padded = np.zeros((len(image), 16, 24))
                padded[:, :12, :20] = image
                square = root = 0.0
                for channel in padded:
                    for row in (0, 8):
                        for column in (0, 8, 16):
                            error = errors(channel[row : row + 8, column : column + 8], method, n)
                            # ReLU's results for pixels outside the image are cut off.
                            inside = error[: 12 - row, : 20 - column]
                            square, root = square + inside.sum(), root + math.sqrt(inside.mean())
                squares.append(square)
                roots.append(root)
                counts.append(6 * len(image))
                signals.append((np.maximum(image, 0) ** 2).sum())
        by_relu = [np.reshape(values, (2, 5)) for values in (squares, roots, counts, signals)]
        for index, name in enumerate(pixels):
            moments = sums[name, method, n]
            square, root, count, signal = (values[index] for values in by_relu)
            assert moments.total("samples") == 5
            assert moments.total("blocks") == count.sum()
            assert moments.ratio("block_rmse", "blocks").value == pytest.approx(root.sum() / count.sum(), rel=1e-9)
            assert moments.root_of_ratio("error", "pixels").value == pytest.approx(
                math.sqrt(square.sum() / (count.sum() * 40)), rel=1e-9
            )
            relative = moments.root_of_ratio("error", "signal")
            assert relative.value == pytest.approx(math.sqrt(square.sum() / signal.sum()), rel=1e-9)
        square, root, count, signal = (values.sum(0) for values in by_relu)
        moments = sums[ALL, method, n]
        assert moments.total("samples") == 5
        together = moments.ratio("block_rmse", "blocks")
        assert together.value == pytest.approx(root.sum() / count.sum(), rel=1e-9)
        half = 1.959963984540054 * root.std(ddof=1) / math.sqrt(5) / count[0]
        assert together.high - together.value == pytest.approx(half, rel=1e-9)
    assert {key[0] for key in sums} == {"first", "second", ALL}


@pytest.mark.parametrize("side", [4, 8])
def test_what_is_drawn(side):
    def drawn(unit, seed=1, dtype=torch.float64):
        inputs = DrawnInputs(side, 105_000, seed, dtype, torch.device("cpu"))
        assert inputs.units == ["0", "1"]
        blocks = []
        inputs.feed(unit, lambda name, before, exact: blocks.append(jd.decode(before)[0]))
        return torch.cat(blocks)

    last = drawn("1")
    assert last.shape == (5000, 8, 8)
    samples = last[:, :: 8 // side, :: 8 // side]
    torch.testing.assert_close(samples.repeat_interleave(8 // side, 1).repeat_interleave(8 // side, 2), last)
    assert -1 <= samples.min() < -0.999 < 0.999 < samples.max() <= 1
    # A uniform variable's mean, its variance, and no correlation between the pixels.
    flat = samples.flatten(1)
    assert flat.mean().abs() < 5 * math.sqrt(1 / 3 / flat.numel())
    correlation = flat.T.corrcoef() - torch.eye(flat.shape[1])
    assert flat.var().item() == pytest.approx(1 / 3, rel=0.02)
    assert correlation.abs().max() < 5 / math.sqrt(5000)
    assert torch.equal(drawn("1"), last)
    torch.testing.assert_close(drawn("1", dtype=torch.float32).double(), last, rtol=0, atol=1e-6)
    assert not torch.allclose(drawn("1", seed=2), last)
    assert not torch.allclose(drawn("0")[:5000], last)


def run(folder, *given):
    output = folder / "asm_error.json"
    report = asm_error.main(["--output", str(output), *given])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    report = run(folder, "--blocks", str(BLOCKS))
    assert (folder / "asm_error.png").read_bytes().startswith(b"\x89PNG")
    return report


def values(result, method, quantity="block_rmse"):
    return {int(n): row[method][quantity]["value"] for n, row in result["frequencies"].items()}


def test_errors_agree_with_an_independent_run(whole):
    result = whole["result"]
    assert (result["blocks"], result["samples"], result["relus"]) == (BLOCKS, "blocks", {})
    for method, known in KNOWN.items():
        ours = values(result, method)
        # They were given to four decimals.
        assert {n: ours[n] for n in known} == pytest.approx(known, rel=0.005, abs=5e-5)


@pytest.mark.parametrize("quantity", ["block_rmse", "rmse", "relative_rmse"])
def test_asm_is_below_apx_and_both_are_exact_at_15(whole, quantity):
    asm, apx = (values(whole["result"], method, quantity) for method in ("asm", "apx"))
    assert list(asm) == list(apx) == list(range(1, 16))
    assert all(asm[n] < apx[n] for n in range(1, 15))
    assert 0 < asm[15] < 1e-6
    assert 0 < apx[15] < 1e-6


def test_what_is_written_and_printed(whole, tmp_path, capsys):
    assert whole["settings"] == {"source": "box", "dtype": "float32", "blocks": BLOCKS, "seed": 0}
    assert {"commit", "torch", "processor", "threads", "processes"} <= whole["environment"].keys()
    run(tmp_path, "--source", "random", "--blocks", "500", "--dtype", "float64")
    printed = capsys.readouterr().out
    assert "500 blocks, random 8×8, float64; 95 % intervals over blocks" in printed
    assert "mean of the blocks' RMSEs" in printed
    assert len([line for line in printed.splitlines() if "±" in line]) == 15


def test_an_interrupted_run_resumes_and_gives_the_same_result(whole, tmp_path, monkeypatch):
    calls = []

    def interrupted(inputs, unit):
        calls.append(unit)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measure(inputs, unit)

    monkeypatch.setattr(asm_error, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "--blocks", str(BLOCKS))
    with pytest.raises(SystemExit, match="another seed"):
        run(tmp_path, "--blocks", str(BLOCKS), "--seed", "1")
    assert run(tmp_path, "--blocks", str(BLOCKS))["result"] == whole["result"]
    assert calls == ["0", "1", "1"]


def started(folder, *given, processes=None):
    """The experiment as a user starts it."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*(launcher if processes else []), "-m", "experiments.asm_error"]
    return subprocess.Popen(
        [sys.executable, *command, "--output", str(folder / "asm_error.json"), *given],
        cwd=EMBEDDED.parent.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process, folder):
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    return json.loads((folder / "asm_error.json").read_text())


@pytest.mark.slow
def test_two_processes_give_the_same_bits_as_one(whole, tmp_path):
    report = finished(started(tmp_path, "--blocks", str(BLOCKS), processes=2), tmp_path)
    assert report["environment"]["processes"] == 2
    assert report["result"] == whole["result"]
    assert not (tmp_path / "asm_error.partial").exists()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [None, 2])
def test_a_killed_run_resumes(tmp_path, processes):
    given = ("--blocks", "800000")
    journal = tmp_path / "asm_error.partial"
    process = started(tmp_path, *given, processes=processes)
    try:
        while sum(len(path.read_bytes().splitlines()) - 1 for path in journal.glob("*.jsonl")) < 2:
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        # The launcher passes on SIGTERM to the processes that it started; it could not pass on SIGKILL.
        process.terminate() if processes else process.kill()
        process.communicate()
    assert not (tmp_path / "asm_error.json").exists()
    again = started(tmp_path, *given)
    printed, _ = again.communicate(timeout=300)
    assert re.search("resuming after [2-7] of 8 parts", printed)
    resumed = json.loads((tmp_path / "asm_error.json").read_text())["result"]
    assert resumed == run(tmp_path / "whole", *given)["result"]


RELUS = ["block1.relu", "block1.relu (2)", "block2.relu", "block2.relu (2)", "block3.relu", "block3.relu (2)"]


def test_activations_of_the_embedded_network(tmp_path, capsys):
    report = run(tmp_path, "--source", "activations", "--limit", "20", "--batch", "7", "--dtype", "float64")
    result = report["result"]
    assert report["settings"]["images"] == 20
    assert result["samples"] == "images"
    assert list(result["relus"]) == RELUS
    assert [one["blocks"] for one in result["relus"].values()] == [20 * n for n in (128, 128, 64, 64, 32, 32)]
    assert result["blocks"] == 20 * 448
    for one in (result, *result["relus"].values()):
        for quantity in ("block_rmse", "rmse", "relative_rmse"):
            asm, apx = (values(one, method, quantity) for method in ("asm", "apx"))
            assert all(asm[n] < apx[n] for n in range(2, 15))
            assert max(asm[15], apx[15]) < 1e-6
    printed = capsys.readouterr().out
    assert "embedded: 8,960 blocks of 20 images in 6 ReLUs" in printed
    assert "block3.relu (2)" in printed

    # The spatial network's own ReLU, on the pixels of the same files.
    net = load_embedded().double()
    kept = []
    net.block1.relu.register_forward_pre_hook(lambda _layer, given: kept.append(given[0].detach()))
    files = [path for path, _ in JpegFiles(EMBEDDED / "digits", 20).samples]
    net(jd.decode_luma(jd.collate([jd.read_jpeg(path) for path in files], dtype=torch.float64)) / 255)
    blocks = kept[1].unflatten(3, (4, 8)).unflatten(2, (4, 8)).transpose(3, 4).flatten(0, 3).numpy()
    second = result["relus"]["block1.relu (2)"]
    for method in ("asm", "apx"):
        expected = np.array([errors(block, method, 6).mean() for block in blocks])
        signal = (np.maximum(blocks, 0) ** 2).mean()
        assert values(second, method)[6] == pytest.approx(np.sqrt(expected).mean(), rel=1e-9)
        assert values(second, method, "rmse")[6] == pytest.approx(math.sqrt(expected.mean()), rel=1e-9)
        assert values(second, method, "relative_rmse")[6] == pytest.approx(
            math.sqrt(expected.mean() / signal), rel=1e-9
        )


@pytest.mark.slow
def test_activations_shared_by_two_processes(tmp_path):
    given = ("--source", "activations", "--limit", "100", "--batch", "10")
    report = finished(started(tmp_path, *given, processes=2), tmp_path)
    assert report["result"] == run(tmp_path / "alone", *given)["result"]


def test_a_network_without_relu(tmp_path, monkeypatch):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    monkeypatch.setattr(networks, "load_network", lambda *_: network.eval())
    with pytest.raises(SystemExit, match="--model embedded: the network has no ReLU"):
        run(tmp_path, "--source", "activations")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--source", "noise"], "2"),
        (["--blocks", "0"], "2"),
        (["--blocks", "1"], "2 or more are needed for an interval"),
        (["--seed", "-1"], "a whole number ≥ 0"),
        (["--model", "resnet18"], "--model has no meaning for --source box"),
        (["--source", "random", "--data", "cifar10"], "--data has no meaning for --source random"),
        (["--download"], "--download has no meaning for --source box"),
        (["--source", "activations", "--blocks", "5"], "--blocks has no meaning for --source activations"),
        (["--source", "activations", "--seed", "0"], "--seed has no meaning"),
        (["--source", "activations", "--limit", "1"], "has 1 image; 2 or more are needed for an interval"),
        (["--source", "activations", "--data", "nowhere"], "nowhere is not a folder"),
        (["--source", "activations", "--model", "resnet19"], "no model is called 'resnet19'"),
        (["--source", "activations", "--model", "resnet18", "--weights", "x.th"], "there is no file x.th"),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(tmp_path, given, message):
    with pytest.raises(SystemExit, match=message):
        run(tmp_path, *given)
    assert not list(tmp_path.iterdir())
