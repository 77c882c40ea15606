"""The errors of ASM and APX against the exact ReLU, on random blocks or on the inputs of a network's ReLUs."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

import jpegdomain as jd
from experiments.lib.images import Images
from experiments.lib.moments import Moments
from jpegdomain.functional import apx_relu, asm_relu
from jpegdomain.geometry import BLOCK, Extent

__all__ = ["ALL", "FREQUENCIES", "RELUS", "DrawnInputs", "NetworkInputs", "ReluInputs", "add_up", "measure", "plain"]

FREQUENCIES = range(1, 16)
RELUS = {"asm": asm_relu, "apx": apx_relu}

Key = tuple[str, str, int]
"""ReLU, method, number of frequencies."""

_QUANTITIES = ("blocks", "block_rmse", "error", "pixels", "signal")

Receive: TypeAlias = Callable[[str, jd.Activation, jd.Activation], None]
"""Function of the name of a ReLU, its input, and the exact ReLU's output."""

Samples: TypeAlias = Literal["blocks", "images"]
"""What counts as an independent sample: blocks if they are drawn, images otherwise."""

ALL = "all"
"""Name of the sum over all ReLUs."""

_UNIT = 100_000
"""Drawn blocks in a unit of work."""

_AT_ONCE = 4096
"""Drawn blocks in one activation: a megabyte of float32, the size of a core's second-level cache."""


class ReluInputs(Protocol):
    """Inputs of one or several ReLUs, divided into units of work."""

    units: list[str]
    samples: Samples

    def feed(self, unit: str, receive: Receive) -> None:
        """Make the inputs of one unit, always the same, a bounded number at a time."""
        ...


class DrawnInputs:
    """Blocks with pixels uniform in [−1, 1), as channels of one activation, so that J and J̃ are a few large products.

    The seed and the number of a unit determine its blocks, whichever process draws them and whatever the dtype.

    Args:
        side: Height and width of the drawn pixels: 4, each box-upscaled to 2×2 (the paper's figure 4a), or 8.
        blocks: Number of blocks.
        seed: Seed of all units.
        dtype: Dtype of the activations.
        device: Device of the activations.
    """

    samples: Samples = "blocks"

    def __init__(self, side: int, blocks: int, seed: int, dtype: torch.dtype, device: torch.device) -> None:
        self.units = [str(number) for number in range(-(-blocks // _UNIT))]
        self._side, self._blocks, self._seed = side, blocks, seed
        self._kind: dict[str, Any] = {"dtype": dtype, "device": device}

    def feed(self, unit: str, receive: Receive) -> None:  # noqa: D102
        random = np.random.default_rng([self._seed, int(unit)])
        left = min(_UNIT, self._blocks - _UNIT * int(unit))
        repeated = 8 // self._side
        while left > 0:
            # Channels-last in memory, as activations are.
            drawn = random.uniform(-1, 1, (self._side, self._side, min(_AT_ONCE, left)))
            left -= drawn.shape[2]
            drawn = torch.from_numpy(drawn).to(**self._kind).permute(2, 0, 1)[None]
            pixels = drawn.repeat_interleave(repeated, 2).repeat_interleave(repeated, 3)
            receive(ALL, jd.encode(pixels), jd.encode(pixels.relu()))


class NetworkInputs:
    """The inputs of every ReLU of a network on images, when all its ReLUs are exact.

    Args:
        converted: The network, at 15 frequencies.
        images: Images to run on.
        batch: Images per unit.
        dtype: Dtype of the network.
        device: Device of the network.

    Raises:
        ValueError: If the network has no ReLU.
    """

    samples: Samples = "images"

    def __init__(
        self, converted: jd.ConvertedModel, images: Images, batch: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._converted = converted
        self._relus = {name: layer for name, layer in converted.named_modules() if isinstance(layer, nn.ReLU)}
        if not self._relus:
            raise ValueError("the network has no ReLU")
        self._images, self._dtype, self._device = images, dtype, device
        self._batches = images.units(batch)
        self.units = [str(number) for number in range(len(self._batches))]

    def feed(self, unit: str, receive: Receive) -> None:  # noqa: D102
        calls: Counter[str] = Counter()

        def take(name: str, pixels: Tensor) -> None:
            x = jd.encode(pixels)
            # One module can be called several times in a block.
            calls[name] += 1
            place = name if calls[name] == 1 else f"{name} ({calls[name]})"
            receive(place, x, jd.functional.pointwise(x, torch.relu))

        numbers = self._batches[int(unit)]
        batch, _ = self._images.encoded(numbers, self._converted.jpeg_entry, self._dtype, self._device)
        with ExitStack() as hooks:
            for name, layer in self._relus.items():
                handle = layer.register_forward_pre_hook(lambda _layer, given, name=name: take(name, given[0]))
                hooks.callback(handle.remove)
            self._converted(batch)


def _by_block(values: Tensor) -> Tensor:
    """Sum over the 64 positions of each block: (n, c, 8X, 8Y) → (n, c, X, Y) float64."""
    return values.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).sum((3, 5)).double()


def _pixels_by_block(extent: Extent, device: torch.device) -> Tensor:
    """Return (X, Y): how many pixels of each block are inside the extent."""
    sizes = partial(torch.tensor, dtype=torch.float64, device=device)
    rows, columns = (sizes([min(BLOCK, size - start) for start in range(0, size, BLOCK)]) for size in extent)
    return rows[:, None] * columns


@torch.inference_mode()
def measure(inputs: ReluInputs, unit: str) -> dict[Key, Moments]:
    """Measure ASM and APX on one unit of inputs.

    By Parseval's theorem, the squared error of a block's coefficients is that of its pixels. In partial blocks only the
    pixels inside the image count; outside it, both results are zero.

    Returns:
        Sums over `inputs.samples` of: blocks; their RMSEs; squared error; pixels; squares of the exact ReLU ('signal').
        If there are several ReLUs, `ALL` is the sum over them.
    """
    sums: dict[Key, Moments] = {}
    together: dict[Key, Tensor] = {}

    def receive(name: str, before: jd.Activation, exact: jd.Activation) -> None:
        signal = _by_block(exact.coefficients.square())
        pixels = _pixels_by_block(exact.extent, signal.device).expand_as(signal)
        for method, relu in RELUS.items():
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
    """Return the sums as plain values for JSON."""
    return [[*key, moments.products] for key, moments in sums.items()]


def add_up(parts: list[list[Any]]) -> dict[Key, Moments]:
    """Add up the units in their order, so that the sum of floats depends on nothing else."""
    sums: dict[Key, Moments] = {}
    for part in parts:
        for name, method, n, products in part:
            key, moments = (name, method, n), Moments(("samples", *_QUANTITIES), products)
            sums[key] = sums[key] + moments if key in sums else moments
    return sums
