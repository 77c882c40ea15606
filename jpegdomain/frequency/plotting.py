"""Draw channels as three 8×8 grids for Y, Cb and Cr, vertical frequencies downwards, horizontal to the right."""

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch import Tensor

from jpegdomain.errors import InputError, MissingPackageError
from jpegdomain.geometry import BLOCK

from .channel_set import CHANNELS, COMPONENTS, ORDERS, ChannelSet, Order, renumbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_channels", "plot_rates"]

_KEPT: Final = ("#2f6f8f", "#3f6fd1", "#c8503c")
"""The colours of kept channels of Y, Cb and Cr."""
_LEFT_OUT: Final = "#f1f1ef"
_PALE_TEXT: Final = "#a9a9a6"
_DARK_TEXT: Final = "#3a3a38"


def plot_channels(selection: ChannelSet, axes: "Sequence[Axes] | None" = None) -> "Figure":
    """`ChannelSet.plot`."""
    panels, figure = _panels(axes)
    masks = selection.mask().numpy()
    from matplotlib.colors import to_rgb

    for panel, mask, component, kept, colour in zip(
        panels, masks, COMPONENTS, selection.components, _KEPT, strict=True
    ):
        panel.imshow(np.where(mask[..., None], to_rgb(colour), to_rgb(_LEFT_OUT)))
        _dress(panel, f"{component}: {len(kept)}", selection.order, np.where(mask, "white", _PALE_TEXT))
    if axes is None:
        name = f"{selection.name}: " if selection.name else ""
        figure.suptitle(f"{name}{len(selection)} of {CHANNELS} channels, numbered {selection.order}", fontsize=10)
    return figure


def plot_rates(rates: Tensor, axes: "Sequence[Axes] | None" = None, *, order: Order = "zigzag") -> "Figure":
    """Draw how often each channel is kept, as in figure 5 of Xu et al.; darker is more often.

    Args:
        rates: (192,), 0…1, from `keep_rates`: always row-major, whatever `order` is.
        axes: Three axes to draw on, for Y, Cb and Cr; None makes a figure with a colour bar.
        order: The order of the numbers in the cells; the paper's is 'zigzag'.

    Returns:
        The figure.

    Raises:
        MissingPackageError: If matplotlib is not installed.
        InputError: If there are not 192 rates or three axes, or the order is unknown.
    """
    if tuple(rates.shape) != (CHANNELS,):
        raise InputError(f"rates must be one for each of {CHANNELS} channels, got the shape {tuple(rates.shape)}")
    if order not in ORDERS:
        raise InputError(f"order must be 'row-major' or 'zigzag', got {order!r}")
    panels, figure = _panels(axes)
    grids = rates.detach().cpu().double().view(len(COMPONENTS), BLOCK, BLOCK).numpy()
    for panel, grid, component in zip(panels, grids, COMPONENTS, strict=True):
        drawn = panel.imshow(grid, cmap="YlGnBu", vmin=0, vmax=1)
        _dress(panel, f"{component}: {grid.sum():.1f} per image", order, np.where(grid > 0.55, "white", _DARK_TEXT))
    if axes is None:
        figure.colorbar(drawn, ax=panels, shrink=0.85, pad=0.015, label="share of images that keep it")
        figure.suptitle(f"{grids.sum():.1f} of {CHANNELS} channels per image, numbered {order}", fontsize=10)
    return figure


def _panels(axes: "Sequence[Axes] | None") -> "tuple[list[Axes], Figure]":
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingPackageError("plots need matplotlib: pip install matplotlib")
    from matplotlib.figure import Figure

    if axes is None:
        # Not through pyplot, so that a notebook shows the figure that a cell returns only once.
        figure = Figure(figsize=(9.6, 3.5), layout="constrained")
        return list(figure.subplots(1, len(COMPONENTS))), figure
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) != len(COMPONENTS):
        raise InputError(f"axes must be three, for Y, Cb and Cr, got {len(given)}")
    return given, given[0].figure


def _dress(panel: "Axes", title: str, order: Order, text: Any) -> None:
    """Number the cells, in the (8, 8) colours `text`, and separate them by white lines."""
    for row in range(BLOCK):
        for column in range(BLOCK):
            number = str(renumbered(BLOCK * row + column, order))
            panel.text(column, row, number, color=text[row, column], fontsize=7.5, ha="center", va="center")
    edges = np.arange(BLOCK + 1) - 0.5
    panel.set_xticks(edges, minor=True)
    panel.set_yticks(edges, minor=True)
    panel.grid(which="minor", color="white", linewidth=1.5)
    panel.tick_params(which="both", length=0)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    panel.set_title(title, fontsize=9)
