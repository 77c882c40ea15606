"""Draw the picture for the README and the site's first page, from a file of the tests.

python docs/assets/overview.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

import jpegdomain as jd

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "fixtures" / "sampled" / "411-224x224.jpg"
TEAL, GRAY, INK = "#00796b", "#b0bec5", "#263238"


def _arrow(figure, start, end, text, below=""):
    axes = figure.add_axes((start, 0.1, end - start, 0.8))
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.add_patch(FancyArrowPatch((0.06, 0.5), (0.94, 0.5), arrowstyle="-|>", mutation_scale=18, lw=2, color=TEAL))
    axes.text(0.5, 0.57, text, ha="center", va="bottom", family="monospace", size=9.5, color=TEAL, weight="bold")
    axes.text(0.5, 0.43, below, ha="center", va="top", size=8.5, color=INK, linespacing=1.4)


def _panel(figure, left, width, title):
    axes = figure.add_axes((left, 0.17, width, 0.63))
    axes.axis("off")
    axes.set_title(title, size=11, color=INK, weight="bold", pad=8)
    return axes


def draw() -> Figure:
    """Draw bytes, coefficients, and both ways to continue: pixels for any network, or a converted network."""
    data = FILE.read_bytes()
    figure = Figure(figsize=(11, 3.4))
    figure.patch.set_facecolor("white")

    axes = _panel(figure, 0.015, 0.15, "JPEG file")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.add_patch(
        FancyBboxPatch((0.03, 0.03), 0.94, 0.94, boxstyle="round,pad=0,rounding_size=0.04", fc="#eceff1", ec=GRAY)
    )
    for row in range(9):
        line = data[row * 6 : row * 6 + 6].hex(" ").upper()
        axes.text(0.5, 0.9 - row * 0.1, line, ha="center", va="center", family="monospace", size=8.5, color=INK)

    _arrow(figure, 0.17, 0.31, "jd.read_jpeg", "entropy code undone,\nno pixel computed")

    axes = _panel(figure, 0.315, 0.17, "coefficients")
    luma = jd.read_jpeg(FILE).components[0]
    blocks = (luma.coefficients.astype(float) * luma.table)[2:7, 2:7].reshape(5, 5, 8, 8)
    picture = np.log1p(np.abs(blocks)).transpose(0, 2, 1, 3).reshape(40, 40)
    axes.imshow(picture, cmap="BuGn", interpolation="nearest")
    for line in range(0, 41, 8):
        axes.axhline(line - 0.5, color="white", lw=1.5)
        axes.axvline(line - 0.5, color="white", lw=1.5)

    for height, name, below in ((0.46, "jd.read_pixels", "exact float pixels"), (0.0, "jd.convert", "exact rewriting")):
        axes = figure.add_axes((0.49, 0.1 + height, 0.15, 0.42))
        axes.axis("off")
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.add_patch(FancyArrowPatch((0.05, 0.5), (0.95, 0.5), arrowstyle="-|>", mutation_scale=18, lw=2, color=TEAL))
        axes.text(0.5, 0.57, name, ha="center", va="bottom", family="monospace", size=9.5, color=TEAL, weight="bold")
        axes.text(0.5, 0.43, below, ha="center", va="top", size=8.5, color=INK)

    for height, name, color in (
        (0.56, "your network, on pixels", GRAY),
        (0.1, "the same network, on coefficients", TEAL),
    ):
        axes = figure.add_axes((0.645, height, 0.22, 0.34))
        axes.axis("off")
        axes.set(xlim=(0, 10), ylim=(0, 4.6))
        for layer, (tall, wide) in enumerate(((3.2, 0.6), (2.6, 0.8), (2.0, 1.0), (1.4, 1.2), (0.9, 1.4))):
            x = 0.5 + 1.9 * layer
            axes.add_patch(Rectangle((x, 2.4 - tall / 2), wide, tall, fc=color, ec="white", alpha=0.55 + 0.09 * layer))
        axes.text(5, 0.1, name, ha="center", va="bottom", size=9.5, color=INK)

    axes = figure.add_axes((0.865, 0.1, 0.13, 0.8))
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for start in (0.8, 0.27):
        axes.add_patch(
            FancyArrowPatch(
                (0.02, start),
                (0.28, 0.55 if start > 0.5 else 0.49),
                arrowstyle="-|>",
                mutation_scale=14,
                lw=2,
                color=TEAL,
            )
        )
    axes.text(
        0.32, 0.52, "the same\nanswers", ha="left", va="center", size=11, color=INK, weight="bold", linespacing=1.4
    )
    return figure


if __name__ == "__main__":
    mpl.rcParams.update({"svg.hashsalt": "jpegdomain", "svg.fonttype": "path", "font.family": "DejaVu Sans"})
    draw().savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})
