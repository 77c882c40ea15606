"""Draw accuracy over spatial frequencies from the JSON of `experiments.conversion` or `experiments.jpeg_training`.

python -m experiments.accuracy_figure results/conversion.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from experiments.approximation import METHODS
from experiments.frequency_figure import Curve, draw_frequencies

__all__ = ["curves", "draw"]

_TITLES = {
    "conversion": "{networks} spatial networks, converted: {data}",
    "jpeg_training": "trained in the JPEG domain, networks per point: {networks}; {data}",
}


def curves(result: dict[str, Any]) -> dict[str, Curve]:
    """Read the mean over networks, and one standard deviation to either side.

    Args:
        result: Of a report.

    Returns:
        One curve per method.
    """
    made = {}
    for method in METHODS:
        rows = {int(n): row[method] for n, row in result["frequencies"].items() if method in row}
        if not rows:
            continue
        made[method] = Curve(
            {n: row["mean"] for n, row in rows.items()},
            {n: row["mean"] - row["std"] for n, row in rows.items()},
            {n: row["mean"] + row["std"] for n, row in rows.items()},
        )
    return made


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw figure 4b or 4c of Ehrlich & Davis (2019) for one data set.

    Args:
        report: What the experiment wrote.
        path: Of the image; its suffix decides on the format.
    """
    accuracy = report["result"].get("accuracy")
    draw_frequencies(
        path,
        curves(report["result"]),
        title=_TITLES[report["experiment"]].format(**report["settings"]),
        ylabel="top-1 accuracy" + ", mean ± 1 standard deviation" * (report["settings"]["networks"] > 1),
        reference=None if accuracy is None else ("spatial networks", accuracy["spatial"]["mean"]),
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        draw(json.loads(Path(name).read_text()), Path(name).with_suffix(".png"))
