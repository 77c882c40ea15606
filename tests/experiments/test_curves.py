"""What is drawn is what was given."""

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from experiments.lib.curves import Curve, draw_frequencies, plot_frequencies


def test_a_panel_shows_both_methods_their_spread_and_the_reference():
    axes = Figure().add_subplot()
    curves = {
        "asm": Curve({1: 0.2, 15: 0.9}, {1: 0.1, 15: 0.8}, {1: 0.3, 15: 1.0}),
        "apx": Curve({1: 0.1, 15: 0.9}),
    }
    plot_frequencies(axes, curves, title="a", ylabel="b", reference=("spatial", 0.9), top=1.03)
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["spatial", "ASM", "APX"]
    assert len({line.get_color() for line in axes.lines}) == 3
    assert lines["ASM"].get_xydata().tolist() == [[1, 0.2], [15, 0.9]]
    assert set(lines["spatial"].get_ydata()) == {0.9}
    (band,) = axes.collections
    assert (band.get_facecolor()[0, :3] == to_rgb(lines["ASM"].get_color())).all()
    assert {tuple(point) for point in band.get_paths()[0].vertices} >= {(1, 0.1), (15, 0.8), (1, 0.3), (15, 1.0)}
    assert axes.get_ylim() == (0, 1.03)
    assert axes.get_title() == "a"
    assert axes.get_ylabel() == "b"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["spatial", "ASM", "APX"]


def test_a_file(tmp_path):
    draw_frequencies(tmp_path / "curve.png", {"asm": Curve({1: 0.2, 15: 0.9})}, title="a", ylabel="b")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
