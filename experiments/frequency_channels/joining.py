"""Networks of several runs in one table, where they were trained alike."""

from collections.abc import Sequence
from typing import Any

from experiments.frequency_channels.results import summary
from jpegdomain.errors import InputError

__all__ = ["joined"]

_OF_A_RUN = {"preset", "seed", "seeds"}
"""Settings that say which networks a run trained, not how."""
_LATER = {"optimiser": "sgd", "floor": 32.0}
"""Settings that reports with 'parts' may lack → the value of those runs; reports without it are older than floors."""


def _stated(report: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = report["settings"]
    return _LATER | settings if "parts" in settings else settings


def joined(reports: Sequence[dict[str, Any]], variants: Sequence[str]) -> dict[str, Any]:
    """Put the networks of several runs into one report.

    Args:
        reports: Of runs of `experiments.frequency_channels` or `experiments.frequency_normalisation`.
        variants: Inputs to show, in this order.

    Returns:
        A report with the settings of all runs, and the summary of the chosen networks.

    Raises:
        InputError: If runs disagree on a setting, no run trained a variant, or two trained it with the same seed.
    """
    known, *others = (
        {name: value for name, value in _stated(report).items() if name not in _OF_A_RUN} for report in reports
    )
    for settings in others:
        for name in sorted(known.keys() | settings.keys()):
            own, other = (values.get(name, "nothing") for values in (known, settings))
            if own != other:
                raise InputError(
                    f"networks in one table are trained alike, with the same {name}; got {own!r} and {other!r}"
                )
    ordered, each = [], [one for report in reports for one in report["result"]["each"]]
    for name in variants:
        # What a run took over from another one's journal is the same network.
        own = [one for place, one in enumerate(each) if one["variant"] == name and one not in each[:place]]
        own.sort(key=lambda one: one["seed"])
        seeds = [one["seed"] for one in own]
        if not own or len(seeds) > len(set(seeds)):
            raise InputError(f"a variant is trained once with each seed; {name} was with the seeds {seeds}")
        ordered += own
    return {"settings": known, "result": summary(ordered)}
