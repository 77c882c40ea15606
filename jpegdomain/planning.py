"""What a layer costs in each form, which form is cheapest, and the plan as a table. No tensors.

The three constants below turn floating-point operations, bytes and calls into one unit, the time of one operation of
a well-shaped matrix product. They were measured on a two-core x86-64 CPU in float32 and only need to be right within a
factor of two: the forms lie an order of magnitude apart.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

from .geometry import BLOCK, Extent, Window

__all__ = [
    "FOLDED_BYTES_LIMIT",
    "FORMS",
    "Convolution",
    "Cost",
    "Form",
    "Plan",
    "PlanRow",
    "choose_form",
    "convolution_cost",
    "spatial_convolution_cost",
    "transform_cost",
]

Form: TypeAlias = Literal["dense", "stencil", "factored"]
"""The three forms of a convolution's map Ξ on coefficients."""

FORMS: tuple[Form, ...] = get_args(Form)

FOLDED_BYTES_LIMIT = 256 * 2**20
"""The largest Ξ, in bytes, that the planner chooses for one layer."""

_OPERATIONS_PER_BYTE = 10
_OPERATIONS_PER_CALL = 2_500_000


@dataclass(frozen=True)
class Cost:
    """What it costs to run one layer on one batch.

    Args:
        flops: Floating-point operations, a multiplication and its addition counted as two.
        weights: Bytes of the map that the layer holds: Ξ, or the spatial kernel.
        moved: Bytes of activations and weights read and written.
        calls: How many compute kernels are called.
    """

    flops: int = 0
    weights: int = 0
    moved: int = 0
    calls: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.flops + other.flops,
            self.weights + other.weights,
            self.moved + other.moved,
            self.calls + other.calls,
        )

    @property
    def work(self) -> int:
        """The whole cost in operations, which the planner compares."""
        return self.flops + _OPERATIONS_PER_BYTE * self.moved + _OPERATIONS_PER_CALL * self.calls


@dataclass(frozen=True)
class Convolution:
    """A convolution's sizes: images, channels, groups, window, extent of the input in pixels, bytes of a number."""

    batch: int
    channels_in: int
    channels_out: int
    groups: int
    window: Window
    extent: Extent
    itemsize: int = 4

    @property
    def output(self) -> Extent:
        """Height and width of the output in pixels."""
        return self.window.output(self.extent)

    def elements(self) -> tuple[int, int]:
        """Count the coefficients of the input and of the output."""
        (rows, columns), (rows_out, columns_out) = self.extent.canvas, self.output.canvas
        return (
            self.batch * self.channels_in * rows * columns,
            self.batch * self.channels_out * rows_out * columns_out,
        )


def transform_cost(elements: int, itemsize: int = 4) -> Cost:
    """Return the cost of J or J̃ for a number of coefficients: two products of 8×8 matrices per tile."""
    return Cost(flops=4 * BLOCK * elements, moved=4 * itemsize * elements, calls=2)


def convolution_cost(convolution: Convolution, form: Form) -> Cost:
    """Return the cost of one form of a convolution on coefficients."""
    c = convolution
    before, after = c.elements()
    pairs = c.channels_in // c.groups * c.channels_out
    if form == "dense":
        # Pairs from different groups are zeros, which the one matrix product multiplies like all others.
        entries = (before // c.batch) * (after // c.batch)
        flops, calls, apart = 2 * entries * c.batch, 2, Cost()
    elif form == "stencil":
        spans = [last - first + 1 for first, last in (c.window.reach(axis) for axis in (0, 1))]
        entries = pairs * BLOCK**4 * spans[0] * spans[1]
        flops = 2 * after * (c.channels_in // c.groups) * BLOCK**2 * spans[0] * spans[1]
        shuffles = 2 * c.itemsize * (before + after)
        calls, apart = (4 if c.output.whole else 6), Cost(moved=shuffles)
    else:
        if not c.window.pointwise:
            transforms = transform_cost(before, c.itemsize) + transform_cost(after, c.itemsize)
            return transforms + spatial_convolution_cost(c)
        # On the coefficients as stored, including those of partial blocks.
        entries, calls, apart = pairs, 1, Cost()
        flops = 2 * after * (c.channels_in // c.groups)
    weights = entries * c.itemsize
    return apart + Cost(flops, weights, weights + c.itemsize * (before + after), calls)


def spatial_convolution_cost(convolution: Convolution) -> Cost:
    """Return the cost of a convolution of pixels."""
    c = convolution
    taps = c.window.kernel[0] * c.window.kernel[1] * (c.channels_in // c.groups)
    after = c.batch * c.channels_out * c.output.height * c.output.width
    before = c.batch * c.channels_in * c.extent.height * c.extent.width
    weights = c.channels_out * taps * c.itemsize
    return Cost(2 * after * taps, weights, weights + c.itemsize * (before + after), 1)


@lru_cache(maxsize=4096)
def choose_form(convolution: Convolution, limit: int = FOLDED_BYTES_LIMIT) -> Form:
    """Return the cheapest form that fits: the factored one, or one whose Ξ has at most `limit` bytes."""

    def fits(form: Form) -> bool:
        return form == "factored" or convolution_cost(convolution, form).weights <= limit

    return min(filter(fits, FORMS), key=lambda form: convolution_cost(convolution, form).work)


@dataclass(frozen=True)
class PlanRow:
    """One row of a plan.

    Args:
        path: The layer's name in the model.
        layer: The layer's type.
        domain: Where its result lives, 'transform' or 'pixels'.
        output: Shape (c, h, w) of the result in pixels; for other results, their shape without the batch axis.
        form: How the result is computed.
        cost: What that costs.
    """

    path: str
    layer: str
    domain: str
    output: tuple[int, ...]
    form: str
    cost: Cost


@dataclass(frozen=True)
class Plan:
    """How a converted model runs one batch; ``print`` it.

    Args:
        batch: Number of images.
        extent: Height and width of the images.
        steps: The rows, in order of execution.
        reason: Why the model runs its own code instead of a plan, if it does.
        unsized: Whether the model accepted none of the image sizes that were tried while planning, so that domains
            were chosen by the number of transforms and not by their sizes.
    """

    batch: int
    extent: Extent
    steps: tuple[PlanRow, ...]
    reason: str | None = None
    unsized: bool = False

    @property
    def total(self) -> Cost:
        """The sum over the steps."""
        return sum((step.cost for step in self.steps), Cost())

    def __str__(self) -> str:
        header = ("layer", "type", "output", "domain", "form", "MFLOP", "map kB", "moved MB")
        rows = [header, *(_cells(step) for step in self.steps)]
        total = self.total
        rows.append(("total", "", "", "", "", *_numbers(total)))
        title = f"plan for {self.batch} × {self.extent} in eval"
        end = [] if self.reason is None else [f"its own code runs: {self.reason}"]
        if self.unsized:
            end.append("domains chosen without sizes: the model takes none of the image sizes that were tried")
        return "\n".join([title, *_table(rows), *end])


def _numbers(cost: Cost) -> tuple[str, str, str]:
    return f"{cost.flops / 1e6:,.1f}", f"{cost.weights / 1e3:,.1f}", f"{cost.moved / 1e6:,.1f}"


def _cells(step: PlanRow) -> tuple[str, ...]:
    shape = "×".join(map(str, step.output))
    return step.path, step.layer, shape, step.domain, step.form, *_numbers(step.cost)


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        left = [cell.ljust(width) for cell, width in zip(row[:5], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[5:], widths[5:], strict=True)]
        yield "  ".join([*left, *right]).rstrip()
        if index in (0, len(rows) - 2):
            yield "  ".join("─" * width for width in widths)
