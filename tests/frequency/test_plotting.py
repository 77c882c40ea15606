"""The coloured cells are the kept ones, and each has its number."""

import importlib.util

import matplotlib.colors
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from jpegdomain.errors import InputError, MissingPackageError
from jpegdomain.frequency import ChannelSet, plot_rates, published

# T.81 figure A.6.
ZIGZAG = [
    [0, 1, 5, 6, 14, 15, 27, 28],
    [2, 4, 7, 13, 16, 26, 29, 42],
    [3, 8, 12, 17, 25, 30, 41, 43],
    [9, 11, 18, 24, 31, 40, 44, 53],
    [10, 19, 23, 32, 39, 45, 52, 54],
    [20, 22, 33, 38, 46, 51, 55, 60],
    [21, 34, 37, 47, 50, 56, 59, 61],
    [35, 36, 48, 49, 57, 58, 62, 63],
]


def numbers(panel):
    """What is written in the cells, by row and column."""
    found = np.full((8, 8), -1)
    for text in panel.texts:
        column, row = text.get_position()
        found[row, column] = int(text.get_text())
    return found.tolist()


@pytest.mark.parametrize("order", ["row-major", "zigzag"])
def test_a_set_colours_what_it_keeps_and_numbers_by_its_order(order):
    figure = published("24D").in_order(order).plot()
    figure.draw_without_rendering()
    expected = ZIGZAG if order == "zigzag" else np.arange(64).reshape(8, 8).tolist()
    kept = [{0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 24, 32}, {0, 1, 3, 8, 24}, {0, 1, 3, 8, 24}]
    left_out = matplotlib.colors.to_rgb("#f1f1ef")
    assert len(figure.axes) == 3
    for panel, frequencies in zip(figure.axes, kept, strict=True):
        assert numbers(panel) == expected
        cells = np.asarray(panel.images[0].get_array()).reshape(64, 3)
        assert {n for n in range(64) if not np.allclose(cells[n], left_out)} == frequencies
    assert [panel.get_title() for panel in figure.axes] == ["Y: 14", "Cb: 5", "Cr: 5"]
    assert figure.get_suptitle() == f"24D: 24 of 192 channels, numbered {order}"


def test_rates_are_seen_by_component_row_and_column():
    rates = torch.rand(192, generator=torch.Generator().manual_seed(0))
    figure = plot_rates(rates)
    figure.draw_without_rendering()
    for component, panel in enumerate(figure.axes[:3]):
        assert numbers(panel) == ZIGZAG
        shown = np.asarray(panel.images[0].get_array())
        for alpha in range(8):
            for beta in range(8):
                assert shown[alpha, beta] == pytest.approx(rates[64 * component + 8 * alpha + beta].item())
        assert panel.images[0].get_clim() == (0, 1)
        # Row 0 is on top.
        assert panel.get_ylim() == (7.5, -0.5)
    assert numbers(plot_rates(rates, order="row-major").axes[1])[2] == list(range(16, 24))


def test_given_axes_are_drawn_on():
    figure = Figure()
    axes = figure.subplots(2, 3)
    assert ChannelSet((0,)).plot(axes[0]) is figure
    assert plot_rates(torch.zeros(192), axes[1]) is figure
    assert all(len(panel.images) == 1 for panel in axes.flat)
    assert len(figure.axes) == 6


def test_wrong_input_is_named():
    with pytest.raises(InputError, match="one for each of 192 channels, got the shape \\(64,\\)"):
        plot_rates(torch.zeros(64))
    with pytest.raises(InputError, match="'row-major' or 'zigzag', got 'snake'"):
        plot_rates(torch.zeros(192), order="snake")
    with pytest.raises(InputError, match="axes must be three, for Y, Cb and Cr, got 2"):
        ChannelSet((0,)).plot(Figure().subplots(1, 2))


def test_matplotlib_is_asked_for_by_name(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    with pytest.raises(MissingPackageError, match="pip install matplotlib"):
        published("24S").plot()
