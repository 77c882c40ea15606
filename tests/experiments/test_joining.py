"""Networks of several runs in one table: only if they were trained alike, each once, compared seed by seed."""

import pytest

from experiments.frequency_channels.joining import joined
from jpegdomain.errors import InputError


def run(variant, top1, settings=None, first=0):
    """A run's report: one variant, its networks' top-1 by seed."""
    each = [
        {
            "variant": variant, "seed": first + place, "top1": value, "top5": 0.9, "input_size": 1.0, "parameters": 10,
            "operations": 2e9, "seconds": 1.0, "epochs": [{"training_accuracy": 0.4}],
        }
        for place, value in enumerate(top1)
    ]  # fmt: skip
    own = {"lr": 0.2, "epochs": 3, "parts": 1} | (settings or {})
    return {"settings": own, "result": {"variants": {}, "each": each}}


def older(report):
    """A report from before there were floors, or parts of a batch."""
    del report["settings"]["parts"]
    return report


def test_runs_are_compared_seed_by_seed():
    early, late = run("24S", (0.5,)), run("24S", (0.61, 0.7), {"seed": 1, "seeds": 2}, first=1)
    rgb = run("RGB", (0.7, 0.6, 0.8), {"optimiser": "sgd", "preset": "cpu-5", "seed": 0})
    variants = joined([late, rgb, early], ("RGB", "24S"))["result"]["variants"]
    assert list(variants) == ["RGB", "24S"]
    difference = variants["24S"]["against RGB"]
    assert difference["mean"] == pytest.approx((-0.2 + 0.01 - 0.1) / 3)
    assert difference["seeds"] == variants["24S"]["seeds"] == 3


def test_variants_that_are_not_asked_for_stay_out():
    report = joined([run("RGB", (0.7,)), run("24T", (0.5,)), run("24S", (0.6,))], ("24S", "RGB"))
    assert [one["variant"] for one in report["result"]["each"]] == ["24S", "RGB"]
    assert report["settings"].items() >= {"lr": 0.2, "epochs": 3}.items()


def test_a_network_of_two_runs_counts_once():
    """The second run had copied the first one's journal."""
    copied = run("RGB", (0.7,))
    copied["result"]["each"] += run("24S", (0.6,))["result"]["each"]
    report = joined([run("RGB", (0.7, 0.8)), copied], ("RGB", "24S"))
    assert report["result"]["variants"]["RGB"]["seeds"] == 2


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ((run("RGB", (0.7,)), run("24S", (0.6,), {"epochs": 5})), "the same epochs; got 3 and 5"),
        ((run("RGB", (0.7,)), older(run("24S", (0.6,)))), "the same floor; got 32.0 and 'nothing'"),
        ((run("RGB", (0.7,)), run("24S", (0.6,), {"floor": 0.0})), "the same floor; got 32.0 and 0.0"),
        ((run("RGB", (0.7,)), run("24T", (0.6,))), r"24S was with the seeds \[\]"),
        ((run("RGB", (0.7,)), run("24S", (0.6,)), run("24S", (0.5,))), r"24S was with the seeds \[0, 0\]"),
    ],
)
def test_what_cannot_stand_in_one_table_is_refused(reports, message):
    with pytest.raises(InputError, match=message):
        joined(reports, ("RGB", "24S"))
