"""The throughput experiment: both sides begin with the same bytes and end with the same logits; what is measured."""

import argparse
import json

import pytest
import torch

import jpegdomain as jd
from experiments.lib.networks import EMBEDDED, load_embedded
from experiments.throughput import run as throughput
from experiments.throughput.results import figure
from experiments.throughput.setting import Files
from experiments.throughput.sides import Chain, Geometry, jpeg_chain, spatial_chain
from experiments.throughput.timing import STAGES, checked, summary, timed_round, total
from tests.codec.oracle import jpeg, noise

CPU = torch.device("cpu")
SMALL = ("--limit", "30", "--batch", "10", "--rounds", "2")


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure peaks in this process, since each new process takes seconds."""
    asked = []

    def peak(given, side, mode):
        asked.append((side, mode))
        return {"peak_gb": 1.0, "before_gb": 0.5, "device_gb": 0.0}

    monkeypatch.setattr(throughput, "_peak_apart", peak)
    return asked


def run(tmp_path, *given):
    output = tmp_path / "result.json"
    report = throughput.main(["--output", str(output), *given])
    assert json.loads(output.read_text()) == json.loads(json.dumps(report))
    assert not output.with_suffix(".partial").exists()
    return report


def test_the_embedded_default(tmp_path, capsys, in_this_process):
    report = run(tmp_path, *SMALL)
    settings, result = report["settings"], report["result"]
    assert (settings["model"], settings["frequencies"], settings["size"]) == ("embedded", 15, None)
    assert result["images"] == 30
    assert list(result["modes"]) == ["inference", "training"]
    for sides in result["modes"].values():
        assert list(sides) == ["spatial", "fused", "transform"]
        assert sides["spatial"]["throughput_ratio"] == {"median": 1, "smallest": 1, "largest": 1}
        for values in sides.values():
            assert values["ms_per_image"]["together"]["median"] > 0
            assert values["ms_per_image"]["decoding"]["median"] > 0
    check = result["check"]
    assert (check["files"], check["same_top1_of_plans"]) == (30, 1)
    assert check["same_top1"] == {"fused": 1, "transform": 1}
    assert 0 < max(check["relative_deviation"].values()) < 1e-9
    assert len(in_this_process) == 6
    assert {"commit", "torch", "processor", "threads"} <= report["environment"].keys()
    printed = capsys.readouterr().out
    assert "same top-1 of both plans on 100.00% of 30 files" in printed
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_fewer_frequencies_show_in_the_check(tmp_path, in_this_process):
    check = run(tmp_path, *SMALL, "--frequencies", "6", "--mode", "inference", "--plan", "fused")["result"]["check"]
    assert check["same_top1_of_plans"] == 1
    assert check["relative_deviation"]["fused"] > 1e-3


def test_an_interrupted_run_resumes(tmp_path, monkeypatch, in_this_process):
    timed, calls = throughput.timed_round, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return timed(*arguments)

    monkeypatch.setattr(throughput, "timed_round", interrupted)
    arguments = (*SMALL, "--mode", "inference")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, *arguments)
    lines = (tmp_path / "result.partial" / "rank-0.jsonl").read_text().splitlines()
    assert [json.loads(line).get("unit") for line in lines[1:]] == ["inference 0"]
    run(tmp_path, *arguments)
    # A warm-up and the second round.
    assert len(calls) == 3 + 2


def test_a_peak_is_measured(capsys):
    peak = throughput.main([*SMALL, "--peak", "fused", "--mode", "inference"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == peak
    assert peak["peak_gb"] >= peak["before_gb"] > 0.05


@pytest.mark.slow
def test_peaks_in_processes_of_their_own(tmp_path):
    memory = run(tmp_path, *SMALL, "--mode", "inference", "--plan", "fused")["result"]["memory"]["inference"]
    assert list(memory) == ["spatial", "fused"]
    assert all(0.05 < side["peak_gb"] < 8 for side in memory.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "224"], None),
        (["--size", "100,200"], None),
        (["--frequencies", "16"], None),
        (["--data", "nowhere"], "nowhere is not a folder"),
    ],
    ids=str,
)
def test_wrong_arguments_say_what_to_do(tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(tmp_path, *arguments)


def test_files_of_several_sizes_need_a_size(tmp_path):
    for number, shape in enumerate([(24, 40), (40, 24)]):
        (tmp_path / "images" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / "a" / f"{number}.jpg").write_bytes(jpeg(noise(*shape)))
    with pytest.raises(SystemExit, match="give a short side and a crop"):
        run(tmp_path, "--data", str(tmp_path / "images"), "--size", "none")


class Stub:
    """A chain whose steps record their inputs."""

    def __init__(self, name, log, entry):
        def note(stage, value):
            log.append((name, stage, value))
            return f"{value}+{stage}"

        self.chain = Chain(
            {stage: lambda value, stage=stage: note(stage, value) for stage in STAGES[:2]},
            lambda value, labels: note("network", value),
            (lambda value: note("entry", value)) if entry else None,
            "",
        )


def test_a_round_takes_every_batch_through_every_side():
    log = []
    chains = {name: Stub(name, log, entry=name == "b").chain for name in "ab"}
    seconds = timed_round(chains, [("x", torch.tensor(0)), ("y", torch.tensor(1))], CPU)
    whole = [("decoding", ""), ("preprocessing", "+decoding"), ("network", "+decoding+preprocessing")]

    def passes(name, file):
        steps = [(name, stage, file + value) for stage, value in whole]
        last = [("b", "entry", f"{file}+decoding+preprocessing")] if name == "b" else []
        return [*steps, *steps, *last]

    # The side that begins changes from batch to batch.
    assert log == [*passes("a", "x"), *passes("b", "x"), *passes("b", "y"), *passes("a", "y")]
    assert seconds["a"].keys() == {"together", "cpu", *STAGES}
    assert seconds["a"]["together"] > 0


def test_the_entry_counts_as_preprocessing(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("experiments.throughput.timing.time.perf_counter", lambda: float(next(clock) ** 2))
    chain = Stub("b", [], entry=True).chain
    # Together 0…1; stages 4…9, 16…25, 36…49; entry 64…81.
    seconds = timed_round({"b": chain}, [("x", torch.tensor(0))], CPU)["b"]
    assert [seconds[part] for part in ("together", *STAGES)] == [1, 5, 9 + 17, 13 - 17]


def test_the_summary_compares_round_by_round():
    def part(together, decoding):
        return {"together": together, "cpu": 2 * together, "decoding": decoding, "preprocessing": 1.0, "network": 3.0}

    rounds = [
        {"spatial": part(10.0, 1.0), "fused": part(5.0, 0.0)},
        {"spatial": part(12.0, 2.0), "fused": part(8.0, 1.0)},
        {"spatial": part(90.0, 3.0), "fused": part(30.0, 1.0)},
    ]
    fused = summary(rounds, images=4)["fused"]
    assert fused["throughput_ratio"] == {"median": 2.0, "smallest": 1.5, "largest": 3.0}
    assert fused["input_ratio"] == {"median": 2.0, "smallest": 1.5, "largest": 2.0}
    assert fused["cpu_ratio"] == {"median": 0.5, "smallest": 1 / 3, "largest": 8 / 12}
    assert fused["images_per_second"] == {"median": 0.5, "smallest": 4 / 30, "largest": 0.8}
    assert fused["ms_per_image"]["together"] == {"median": 2000, "smallest": 1250, "largest": 7500}


@pytest.mark.parametrize("geometry", [Geometry(), Geometry(40, 32)], ids=str)
def test_both_sides_give_the_same_logits_except_for_rounding_to_8_bits(geometry):
    """The compared work is the same: the chains differ only by rounding and clamping of the pixels."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 4)
    )
    sizes = [(48, 56)] * 3 if geometry == Geometry() else [(48, 56), (90, 70), (33, 64)]
    y, x = torch.meshgrid(torch.arange(100), torch.arange(100), indexing="ij")
    smooth = torch.stack([100 + y, 60 + x, 150 - x], dim=2).to(torch.uint8).numpy()
    files = [jpeg(smooth[:h, :w], quality=95) for h, w in sizes]
    labels = torch.tensor([0, 1, 2])
    converted = jd.convert(model, plan="fused")
    for layout in (torch.channels_last, torch.contiguous_format):
        theirs = spatial_chain(model, converted.jpeg_entry, geometry, "inference", CPU, 2, layout)
        ours = jpeg_chain(converted, geometry, "inference", CPU, 2)
        torch.testing.assert_close(ours.run(files, labels), theirs.run(files, labels), rtol=0, atol=0.01)


def test_training_changes_the_chains_own_weights_only():
    model = load_embedded()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    files = [path.read_bytes() for path in sorted((EMBEDDED / "digits" / "3").glob("*.jpg"))[:4]]
    labels = torch.tensor([0, 1, 2, 3])
    converted = jd.convert(model, plan="fused")
    chain = jpeg_chain(converted, Geometry(), "training", CPU, 1)
    first, second = chain.run(files, labels), chain.run(files, labels)
    assert not torch.equal(first, second)
    other = spatial_chain(model, converted.jpeg_entry, Geometry(), "training", CPU, 1, torch.channels_last)
    assert not torch.equal(other.run(files, labels), other.run(files, labels))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    torch.testing.assert_close(dict(converted.state_dict()), before, rtol=0, atol=0)


def test_the_check_notices_another_network():
    model = load_embedded().double()
    plans = {plan: jd.convert(model, plan=plan) for plan in ("fused", "transform")}
    files = [path.read_bytes() for path in sorted((EMBEDDED / "digits" / "3").glob("*.jpg"))[:6]]
    good = checked(model, plans, files, Geometry(), CPU)
    assert total([good, good])["files"] == 12
    assert total([good])["relative_deviation"]["fused"] < 1e-9
    with torch.no_grad():
        plans["fused"].linear.bias[7] += 100
    bad = total([good, checked(model, plans, files, Geometry(), CPU)])
    assert bad["relative_deviation"]["fused"] > 0.5
    assert bad["relative_deviation"]["transform"] < 1e-9
    assert bad["same_top1"] == {"fused": 0.5, "transform": 1}
    assert bad["same_top1_of_plans"] == 0.5


def test_the_figure_is_drawn_from_the_result(tmp_path):
    spread = {"median": 1.0, "smallest": 1.0, "largest": 1.0}
    side = {"ms_per_image": dict.fromkeys(STAGES, spread), "images_per_second": spread, "throughput_ratio": spread}
    report = {"settings": {"model": "net", "data": "some/test"}, "environment": {"processor": "a processor"}}
    report["result"] = {"images": 9, "modes": {"inference": {"spatial": side, "fused": side}}}
    figure(report, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert "<!-- net on 9 files of some/test, a processor -->" in text


def test_every_file_is_in_a_batch():
    files = Files([b"a", b"b", b"c"], torch.tensor([7, 8, 9]), None, alike=True)
    batches = [(list(own), labels.tolist()) for own, labels in files.batches(2)]
    assert batches == [([b"a", b"b"], [7, 8]), ([b"c"], [9])]


def test_geometry_is_read_from_text():
    assert throughput._geometry("none") == Geometry()
    assert throughput._geometry("256,224") == Geometry(256, 224)
    with pytest.raises(argparse.ArgumentTypeError):
        throughput._geometry("0,0")
