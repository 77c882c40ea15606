"""Names in figures: inside, apart from each other, beside their points."""

import itertools

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from experiments.lib.direct_labels import label, line_labels


def boxes(axes):
    found = [child for child in axes.get_children() if isinstance(child, Annotation)]
    axes.get_figure().draw_without_rendering()
    return {one.get_text(): Text.get_window_extent(one) for one in found}


def drawn():
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    return axes


def test_names_of_close_points_do_not_overlap():
    axes = drawn()
    points = {f"name-{number}": (0.5 + number / 200, 0.5 + number % 2 / 100) for number in range(6)}
    points["corner"] = (0.99, 0.99)
    label(axes, points, dict.fromkeys(points, "0.2"), [(0.52, 0.53)])
    found = boxes(axes)
    assert found.keys() == points.keys()
    assert not any(one.overlaps(other) for one, other in itertools.combinations(found.values(), 2))
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1 for box in found.values())
    for name, box in found.items():
        x, y = axes.transData.transform(points[name])
        assert max(abs(x - (box.x0 + box.x1) / 2), abs(y - (box.y0 + box.y1) / 2)) < 120


def test_names_of_lines_are_apart_and_in_their_order():
    axes = drawn()
    ends = {"b": (0.9, 0.51), "a": (0.9, 0.5), "c": (0.9, 0.515), "far": (0.9, 0.9)}
    line_labels(axes, ends, dict.fromkeys(ends, "0.2"))
    found = boxes(axes)
    middles = {name: (box.y0 + box.y1) / 2 for name, box in found.items()}
    assert sorted(middles, key=middles.get) == ["a", "b", "c", "far"]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(found.values(), 2))
    assert middles["far"] == pytest.approx(axes.transData.transform(ends["far"])[1], abs=6)
    line_labels(axes, {}, {})
