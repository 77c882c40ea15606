"""The figures of the README and of the documentation are the committed results'."""

import json
import re
import shlex

import pytest

from experiments import equivalence, readme
from experiments.frequency_adaptation import options as adaptation_options
from experiments.frequency_channels import options as channels_options
from experiments.frequency_channels.results import summary
from experiments.frequency_channels.results import table as channels_table
from experiments.frequency_costs import run as costs_run
from experiments.frequency_exact import run as exact_run
from experiments.frequency_quality import run as quality_run
from experiments.generality import table as generality_table
from experiments.lib.benchmark_tables import network_tables, regions_table, threads_table, transforms_table
from experiments.lib.documents import ROOT
from experiments.lib.input_tables import input_table
from experiments.lib.markdown import origins
from experiments.readme import DOCUMENTS, README, filled
from experiments.throughput.results import table as throughput_table

RESULTS = sorted([*ROOT.glob("experiments/results/*.json"), *ROOT.glob("benchmarks/results/*.json")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tables_come_from_the_results(document):
    text = document.read_text()
    assert filled(text) == text


def test_unknown_or_unclosed_tables_are_named():
    text = "".join(document.read_text() for document in DOCUMENTS)
    assert [name for name in readme.RESULTS if f"<!-- table: {name} -->" not in text] == []
    with pytest.raises(ValueError, match="there is no table 'nothing'"):
        filled("<!-- table: nothing -->\n<!-- /table -->")
    with pytest.raises(ValueError, match="after its marker"):
        filled("<!-- table: summary -->")


def test_a_table_says_where_it_comes_from():
    made = readme.RESULTS["generality"].made()
    environment = json.loads((ROOT / "experiments/results/generality.json").read_text())["environment"]
    for name in ("processor", "commit", "torch", "torchvision"):
        assert environment[name] in made
    assert "python -m experiments.generality" in made


def test_origins_have_the_commits_of_test_and_training():
    tested = {"settings": {"trained_at": "abc"}, "environment": environment() | {"commit": "def"}}
    plain = {"settings": {}, "environment": environment() | {"commit": "123"}}
    day = environment()["time"][:10]
    lines = origins(["one", "two"], [tested, plain]).splitlines()
    assert lines[0].endswith("| commit | networks trained at | day |")
    assert lines[2].endswith(f"| def | abc | {day} |")
    assert lines[3].endswith(f"| 123 |  | {day} |")
    assert origins(["two"], [plain]).splitlines()[0].endswith("| commit | day |")


def test_every_source_of_the_documentations_tables_is_named_with_its_commit():
    text = "".join(path.read_text() for path in DOCUMENTS if path != README)
    for name, result in readme.RESULTS.items():
        # The table of the README, which stays short, is the documentation's.
        if name != "readme":
            assert result.commands, name
            for path in (path for pattern in result.files for path in ROOT.glob(pattern)):
                report = json.loads(path.read_text())
                line = next(line for line in text.splitlines() if f"(data/{path.name})" in line)
                for commit in (report["environment"]["commit"], report["settings"].get("trained_at")):
                    assert commit is None or f"| {commit} |" in line
    assert "<!-- table: readme -->" in README.read_text()
    assert "(docs/results/index.md)" in README.read_text()


PARSERS = {
    "equivalence": equivalence._parser,
    "frequency_adaptation": lambda: adaptation_options.parser(None),
    "frequency_channels": lambda: channels_options.parser("frequency_channels", None, "smoke"),
    "frequency_costs": costs_run._parser,
    "frequency_exact": exact_run._parser,
    "frequency_normalisation": lambda: channels_options.parser("frequency_normalisation", None, "ablation-3"),
    "frequency_quality": quality_run._parser,
}


def parsed(text):
    """The options of each command in a text whose experiment is one of `PARSERS`."""
    for line in text.replace("\\\n", " ").splitlines():
        if (found := re.search(r"-m experiments\.(\w+)([^`]*)", line)) and found[1] in PARSERS:
            yield found[1], PARSERS[found[1]]().parse_args(shlex.split(found[2]))


def test_commands_are_accepted_and_write_files_of_their_own_under_the_results_names():
    named = [one for name in readme.RESULTS if name != "readme" for one in readme.RESULTS[name].commands]
    runs = list(parsed("\n".join(named)))
    assert {name for name, _ in runs} == PARSERS.keys()
    by_output = {}
    for name, options in runs:
        output = options.output or f"results/{name}-{options.data.name}-{options.model}.json"
        assert by_output.setdefault(str(output), options) == options, f"two commands write {output}"
    committed = {f"results/{path.name}" for path in ROOT.glob("experiments/results/*.json")}
    assert by_output.keys() <= committed
    # Networks that are tested are those that another command saves.
    for name, options in runs:
        if name in {"frequency_costs", "frequency_quality"}:
            assert by_output[str(options.report)].weights == options.weights
            assert by_output[str(options.report)].data == options.data


def test_the_guides_commands_are_accepted():
    assert [name for name, _ in parsed((ROOT / "docs/guide/frequency.md").read_text())] == ["frequency_channels"]


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 120


def test_every_table_has_results_and_every_drawing_an_experiment():
    for name, result in readme.RESULTS.items():
        for pattern in result.files:
            assert list(ROOT.glob(pattern)), f"{name}: {pattern}"
    pictures = [path.with_suffix(".json") for path in ROOT.glob("experiments/results/*.png")]
    drawn = {json.loads(path.read_text())["experiment"] for path in pictures if path.exists()}
    assert drawn == readme.FIGURES.keys()


def test_a_figure_is_drawn_again_beside_its_result(tmp_path):
    path = tmp_path / "one.json"
    path.write_text((ROOT / "experiments" / "results" / "conversion-mnist.json").read_text())
    before = README.read_text()
    readme.main([str(path)])
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert README.read_text() == before


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_say_where_they_come_from(path):
    environment = json.loads(path.read_text())["environment"]
    assert {"commit", "processor", "threads", "device", "python", "torch", "torchvision", "time"} <= environment.keys()
    assert path.stat().st_size < 1_000_000


def environment():
    return json.loads(RESULTS[0].read_text())["environment"]


def spread(value):
    return {"median": value, "smallest": value - 0.1, "largest": value + 0.1}


def network(model, training, **plans):
    result = {"median_ms": {"spatial": 100.0} | {plan: 100 * ratio for plan, ratio in plans.items()}}
    for plan, ratio in plans.items():
        result |= {f"{plan}_over_spatial": spread(ratio), f"{plan}_ms_by_kernel": {"convolution": 3.0, "else": 1.0}}
    settings = {"model": model, "batch": 8, "size": 224, "training": training}
    return {"settings": settings, "environment": environment(), "result": result}


def test_the_network_table_has_the_plans_that_were_measured():
    memory = {"convert_resnet50": {"seconds": 0.25, "extra_gb": 0.5}}
    memory |= {f"resnet18_{side}": {"peak_gb": gb} for side, gb in (("spatial", 1.0), ("fused", 1.5), ("transform", 2))}
    memory |= {f"resnet50_{side}": {"peak_gb": gb} for side, gb in (("spatial", 2.0), ("fused", 2.1), ("transform", 3))}
    reports = [network("resnet18", False, fused=1.01, transform=1.4), network("resnet18", True, fused=1, transform=1.5)]
    lines = network_tables(reports, {"result": memory}).splitlines()
    assert lines[0] == "| network | spatial | fused plan | ratio | transform plan | ratio |"
    assert lines[2] == "| resnet18, 8 × 224² | 100 ms | 101 ms | 1.01 (0.91…1.11) | 140 ms | 1.40 (1.30…1.50) |"
    assert lines[3].startswith("| resnet18, training step, 8 × 224² | 100 ms | 100 ms | 1.00")
    assert "| resnet18, fused plan | share of the time |" in lines
    assert lines[-7:] == [
        "| --- | --- | --- | --- |",
        "| resnet18, 2160×3840 | 1.00 | 1.50 | 2.00 |",
        "| resnet50, 8 × 224² | 2.00 | 2.10 | 3.00 |",
        "",
        "| conversion | s | GB |",
        "| --- | --- | --- |",
        "| resnet50 | 0.2 | 0.5 |",
    ]
    # A plan that one of them lacks is not shown.
    reports[1] = network("resnet50", False, transform=1.5)
    assert network_tables(reports, {"result": memory}).startswith("| network | spatial | transform plan | ratio |")


def test_the_throughput_table_has_a_row_for_each_side():
    def side(ms, ratio):
        parts = {part: spread(ms) for part in ("decoding", "preprocessing", "network", "together")}
        return {"ms_per_image": parts, "images_per_second": spread(1000 / ms), "throughput_ratio": spread(ratio)}

    check = {"files": 1000, "same_top1_of_plans": 1.0, "relative_deviation": {"fused": 1e-15, "transform": 3e-15}}
    result = {"images": 1000, "modes": {"inference": {"spatial": side(0.5, 1), "fused": side(0.25, 2)}}, "check": check}
    text = throughput_table(
        [{"settings": {"model": "net", "data": "some/test"}, "environment": environment(), "result": result}]
    )
    lines = text.splitlines()
    assert len(lines) == 2 + 2 + 1 + 2 + 1
    assert lines[2].endswith("| pixels first | 0.500 | 0.500 | 0.500 | 0.500 | 2,000 | 1 |")
    assert lines[3] == (
        "| net, 1,000 of some/test, inference | JPEG, fused plan | 0.250 | 0.250 | 0.250 | 0.250 | 4,000 | "
        "2.00 (1.90…2.10) |"
    )
    assert lines[7] == "| net, 1,000 of some/test | 100.00% of 1,000 | 3.0e-15 |"


def test_the_input_table_compares_with_the_fastest_way_of_torchvision():
    ours, low, fast, slow = "jpegdomain", "jpegdomain, low frequencies", "torchvision, uint8", "Pillow, draft"
    together = f"{fast}, normalised as a batch"
    ratios = {ours: {fast: spread(3.0), together: spread(2.5)}}
    plain = {"files": 9, "median_ms": {ours: 2.0, fast: 6.0, together: 5.0}, "ratios": ratios}
    large = {
        "files": 1,
        "median_ms": {ours: 8.0, low: 4.0, fast: 24.0, together: 20.0, slow: 12.0},
        "ratios": ratios | {low: {fast: spread(6.0), together: spread(5.0), slow: spread(3.0)}},
        "difference": {fast: {"median": 9.0, "largest": 9.0}, low: {"median": 0.125, "largest": 0.25}},
    }
    two = {"two_threads": {"ratios": {ours: {fast: spread(1.75), together: spread(1.5)}}}}
    report = {"environment": environment(), "result": {"small": plain | two, "large": large | two}}
    lines = input_table(report).splitlines()
    assert lines[2] == "| small (9) | 2.000 |  | 5.000 | 2.50 |  |  | 1.50 |  |"
    assert lines[3] == "| large (1) | 8.000 | 4.000 | 20.000 | 2.50 | 5.00 | 3.00 | 1.50 | 0.125 (0.250) |"


def test_the_table_of_regions_has_two_columns_for_each_image():
    def image(megapixels):
        times = {"whole": 10.0 * megapixels, "tile": 2.0}
        sizes = {"bytes": 3000, "restart_bytes": 3100, "index_bytes": 500}
        return sizes | {"megapixels": megapixels, "milliseconds": times, "ratios": {"tile": spread(0.2 / megapixels)}}

    lines = regions_table({"result": {"1x1": image(1), "1x2": image(2)}}).splitlines()
    assert lines[2] == "| whole | 10.0 | 1 | 20.0 | 1 |"
    assert lines[3] == "| tile | 2.0 | 0.20 (0.10…0.30) | 2.0 | 0.10 (0.00…0.20) |"
    assert lines[-3:] == ["| file | 3 | 3 |", "| with restart markers | 3 | 3 |", "| index | 0 | 0 |"]


def test_the_table_of_threads_has_both_stages():
    def stage(time, speed):
        return {"microseconds": {"1": time, "2": time / speed}, "speed": spread(speed), "serial_share": 0.125}

    result = {"small, 64 a call": {"read_jpegs": stage(4.25, 1.5), "read_pixels": stage(7.0, 1.75)}}
    lines = threads_table({"settings": {"threads": 2}, "result": result}).splitlines()
    assert lines[2] == "| small, 64 a call | 4.2 | 1.50 (1.40…1.60) | 12% | 7.0 | 1.75 (1.65…1.85) | 12% |"


def test_the_table_of_models_counts_those_that_pass():
    def plan(deviation, islands):
        return {"passes": deviation < 1e-9, "relative_deviation": deviation, "islands": islands}

    result = {
        "resnet18": {"transform": plan(2e-15, {}), "fused": plan(1e-15, {})},
        "resnet50": {"transform": plan(3e-14, {}), "fused": plan(1e-5, {})},
        "vgg11": {"transform": plan(1e-15, {"flatten": 1}), "fused": plan(0.0, {})},
    }
    report = {"settings": {"dtype": "float64"}, "environment": environment(), "result": result}
    lines = generality_table(report).splitlines()
    assert lines[2:5] == [
        "| ResNet | 2 | 2 | 3e-14 | 1 | 1e-05 | none |",
        "| VGG | 1 | 1 | 1e-15 | 1 | 0e+00 | flatten |",
        "| all | 3 | 3 | 3e-14 | 2 | 1e-05 |  |",
    ]


def test_the_table_of_frequency_channels_says_how_it_was_made():
    each = [
        {
            "variant": name, "seed": seed, "top1": top1, "top5": 0.9, "input_size": 1, "parameters": 10,
            "operations": 5e9, "seconds": 900 + 900 * seed, "epochs": [{"training_accuracy": 0.4}],
        }
        for name, top1 in (("RGB", 0.5), ("24S", 0.625))
        for seed in range(2)
    ]  # fmt: skip
    settings = {"model": "resnet18", "data": "imagenette-160", "training_images": 9469, "test_images": 1000}
    settings |= {"epochs": 5, "side": 80, "frequency_side": 160, "precision": "float32"}
    text = channels_table({"settings": settings, "environment": environment(), "result": summary(each)})
    assert "| 24S | 2 | 1.00 | 5.00 | 62.5 ± 0.0 | 90.0 ± 0.0 | +12.5 ± 0.0 |  | 77.2 | 93.5 |" in text
    assert text.splitlines()[-1] == "| resnet18 | imagenette-160 | 9,469 | 1,000 | 5 | 80 | 160 | float32 | 1.50 |"


def test_the_table_of_transforms_has_a_row_for_each_shape():
    def row(what, threads, shape, speed, ratio):
        return {
            "what": what, "threads": threads, "shape": shape, "gigabytes_per_second": speed,
            "products_over_compiled": {"median": ratio},
        }  # fmt: skip

    rows = [row("J", 1, [8, 64, 56, 56], 17.6, 2.46), row("copy", 1, [8, 64, 56, 56], 29.1, 1.0)]
    rows += [row("J", 1, [8, 128, 28, 28], 16.0, 2.26), row("copy", 1, [8, 128, 28, 28], 28.7, 1.0)]
    lines = transforms_table({"result": {"rows": [*rows, row("J", 2, [8, 1, 1, 1], 99.0, 9.0)]}}).splitlines()
    assert lines[0] == "| shape | J, GB/s | × matrix products | copy, GB/s |"
    assert lines[2:] == ["| 8×64×56×56 | 18 | 2.5 | 29 |", "| 8×128×28×28 | 16 | 2.3 | 29 |"]
