"""How far ASM and APX are from the exact ReLU, summed over blocks."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

import jpegdomain as jd
from experiments.moments import Moments
from experiments.relu_inputs import ALL, ReluInputs
from jpegdomain.functional import apx_relu, asm_relu
from jpegdomain.geometry import BLOCK, Extent

__all__ = ["FREQUENCIES", "METHODS", "Key", "add_up", "measure", "plain"]

FREQUENCIES = range(1, 16)
METHODS = {"asm": asm_relu, "apx": apx_relu}

Key = tuple[str, str, int]
"""ReLU, method, number of frequencies."""

_QUANTITIES = ("blocks", "block_rmse", "error", "pixels", "signal")


def _by_block(values: Tensor) -> Tensor:
    """Sum over the 64 places of each block: (n, c, 8X, 8Y) → (n, c, X, Y) float64."""
    return values.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).sum((3, 5)).double()


def _pixels_by_block(extent: Extent, device: torch.device) -> Tensor:
    """(X, Y) pixels of each block that lie inside the extent."""
    sizes = partial(torch.tensor, dtype=torch.float64, device=device)
    rows, columns = (sizes([min(BLOCK, size - start) for start in range(0, size, BLOCK)]) for size in extent)
    return rows[:, None] * columns


@torch.inference_mode()
def measure(inputs: ReluInputs, unit: str) -> dict[Key, Moments]:
    """Measure ASM and APX on one unit of inputs.

    By Parseval, the squared error of a block's coefficients is that of its pixels. In blocks that an image ends in, the
    pixels inside count; outside, both results are zero.

    Args:
        inputs: Of one or several ReLUs.
        unit: One of `inputs.units`.

    Returns:
        Sums over `inputs.samples` of: blocks; their RMSEs; squared error; pixels; squares of the exact ReLU ('signal').
        Where the inputs are of several ReLUs, `ALL` is the sum over them.
    """
    sums: dict[Key, Moments] = {}
    together: dict[Key, Tensor] = {}

    def receive(name: str, before: jd.Activation, exact: jd.Activation) -> None:
        signal = _by_block(exact.coefficients.square())
        pixels = _pixels_by_block(exact.extent, signal.device).expand_as(signal)
        for method, relu in METHODS.items():
            for n in FREQUENCIES:
                error = _by_block(relu(before, n).coefficients.sub_(exact.coefficients).square_())
                quantities = torch.ones_like(error), (error / pixels).sqrt(), error, pixels, signal
                table = torch.stack(quantities)
                table = table.flatten(1) if inputs.samples == "blocks" else table.flatten(2).sum(2)
                moments = Moments.of(_QUANTITIES, table)
                key = name, method, n
                sums[key] = sums[key] + moments if key in sums else moments
                if name != ALL:
                    every = ALL, method, n
                    together[every] = together[every] + table if every in together else table

    inputs.feed(unit, receive)
    return sums | {key: Moments.of(_QUANTITIES, table) for key, table in together.items()}


def plain(sums: dict[Key, Moments]) -> list[Any]:
    """Write sums as what JSON knows.

    Args:
        sums: Of `measure`.

    Returns:
        Plain values for `add_up`.
    """
    return [[*key, moments.products] for key, moments in sums.items()]


def add_up(parts: list[list[Any]]) -> dict[Key, Moments]:
    """Add units up in their order: a sum of floats depends on it, and so on nothing else.

    Args:
        parts: One per unit, of `plain`.

    Returns:
        The sums of all units.
    """
    sums: dict[Key, Moments] = {}
    for part in parts:
        for name, method, n, products in part:
            key, moments = (name, method, n), Moments(("samples", *_QUANTITIES), products)
            sums[key] = sums[key] + moments if key in sums else moments
    return sums
