"""Draw accuracy over spatial frequencies from the JSON of `experiments.equivalence`: Ehrlich & Davis's figure 4b.

python -m experiments.equivalence_figure results/equivalence.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw ASM's and APX's accuracy, and the spatial network's as a line to reach.

    Args:
        report: What the experiment wrote.
        path: Of the image; its suffix decides on the format.
    """
    result, settings = report["result"], report["settings"]
    numbers = [int(n) for n in result["frequencies"]]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(result["accuracy"]["spatial"], color="0.4", linestyle="--", label="spatial network")
    for method, color, marker in (("asm", "#0b6e4f", "o"), ("apx", "#c1440e", "s")):
        values = [row[method] for row in result["frequencies"].values()]
        axes.plot(numbers, values, color=color, marker=marker, markersize=4, label=method.upper())
    axes.set(
        xlabel="spatial frequencies that decide (15 is exact)",
        ylabel="top-1 accuracy",
        title=f"{settings['model']} network on {settings['data']}, {result['images']} images",
        ylim=(0, 1.03),
    )
    axes.set_xticks(numbers)
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        draw(json.loads(Path(name).read_text()), Path(name).with_suffix(".png"))
