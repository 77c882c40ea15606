"""Names written beside the points of a figure, where nothing else is."""

from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

__all__ = ["label", "line_labels"]

_SIZE = 8
"""Points."""
_DOT = 4
"""Half the side that a dot takes, in pixels."""
_OFFSETS = [
    (side * 7 * reach, height)
    for reach in (1, 2, 3, 5)
    for height in (4, -11, 15 * reach, -8 - 15 * reach)
    for side in (1, -1)
]
"""Of a name from its point, in points, near ones first."""

Point = tuple[float, float]


def label(axes: Axes, points: Mapping[str, Point], colors: Mapping[str, str], dots: Iterable[Point]) -> None:
    """Write each point's name, with a thin line where it is not close by.

    The layout must be final: call the figure's ``draw_without_rendering()`` before.

    Args:
        axes: To write in.
        points: Name → point.
        colors: Name → colour.
        dots: Other points that should not be covered.
    """
    drawn = axes.get_figure()
    assert isinstance(drawn, Figure)
    pixels = drawn.dpi / 72
    inside, names = axes.get_window_extent(), list[Bbox]()
    places = axes.transData.transform([*dots, *points.values()])
    covered = [Bbox.from_extents(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in places]

    def cost(box: Bbox) -> int:
        whole = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
        return 100 * (not whole) + 30 * box.count_overlaps(names) + box.count_overlaps(covered)

    for name, point in sorted(points.items(), key=lambda item: -item[1][1]):
        probe = axes.text(0, 0, name, fontsize=_SIZE)
        width, height = probe.get_window_extent().size
        probe.remove()
        x, y = axes.transData.transform(point)
        boxes = []
        for right, up in _OFFSETS:
            left = x + pixels * right - (width if right < 0 else 0)
            boxes.append(Bbox.from_bounds(left, y + pixels * up, width, height))
        number = min(range(len(boxes)), key=lambda number: (cost(boxes[number]), number))
        offset = _OFFSETS[number]
        line = {"arrowstyle": "-", "color": colors[name], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            name,
            point,
            xytext=offset,
            textcoords="offset points",
            fontsize=_SIZE,
            color=colors[name],
            horizontalalignment="left" if offset[0] > 0 else "right",
            arrowprops=line if number >= 4 else None,
        ).set_in_layout(False)
        names.append(boxes[number].padded(_DOT))


def line_labels(axes: Axes, ends: Mapping[str, Point], colors: Mapping[str, str]) -> None:
    """Write the names of lines to the right of their ends, as far apart as they need to be.

    Args:
        axes: To write in; its vertical limits are fixed by this.
        ends: Name → last point.
        colors: Name → colour.
    """
    if not ends:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    drawn = axes.get_figure()
    assert isinstance(drawn, Figure)
    gap = 1.25 * _SIZE / (axes.get_position().height * drawn.get_figheight() * 72) * (high - low)
    names = sorted(ends, key=lambda name: ends[name][1])
    heights = [ends[name][1] for name in names]
    # Upwards until none overlaps, then back by half of what the topmost was moved.
    for place in range(1, len(heights)):
        heights[place] = max(heights[place], heights[place - 1] + gap)
    back = (heights[-1] - ends[names[-1]][1]) / 2
    for name, y in zip(names, heights, strict=True):
        line = {"arrowstyle": "-", "color": colors[name], "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            name,
            ends[name],
            xytext=(axes.get_xlim()[1], y - back),
            fontsize=_SIZE,
            color=colors[name],
            verticalalignment="center",
            annotation_clip=False,
            arrowprops=line,
        )
