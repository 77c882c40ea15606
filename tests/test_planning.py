"""The cost model against counts by hand, the choice against measurements, and the printed plan."""

import dataclasses
import itertools

import pytest

from jpegdomain.geometry import Extent, Window
from jpegdomain.planning import (
    FORMS,
    Convolution,
    Cost,
    Plan,
    PlanRow,
    choose_form,
    convolution_cost,
    transform_cost,
)

WINDOW = Window.of(3, 1, 1)
WIDE = Convolution(40, 64, 64, 1, WINDOW, Extent(32, 32))


def test_the_map_sizes_of_64_to_64_channels():
    """The three sizes that the design states: 151 million entries against 36,864."""
    assert convolution_cost(WIDE, "stencil").weights == 4 * 150_994_944
    assert convolution_cost(WIDE, "factored").weights == 4 * 36_864
    assert convolution_cost(WIDE, "dense").weights == 4 * (64 * 32 * 32) ** 2


def test_operations_are_counted():
    coefficients = 40 * 64 * 32 * 32
    transform = coefficients * 2 * 8 * 2  # two products of 8 terms, multiplied and added
    assert transform_cost(coefficients).flops == transform
    assert convolution_cost(WIDE, "factored").flops == 2 * coefficients * 64 * 9 + 2 * transform
    assert convolution_cost(WIDE, "stencil").flops == 2 * coefficients * 64 * 64 * 9
    assert convolution_cost(WIDE, "dense").flops == 2 * 40 * (64 * 32 * 32) ** 2


def test_partial_blocks_are_whole_in_the_transform_domain_only():
    partial = dataclasses.replace(WIDE, extent=Extent(28, 28))
    difference = convolution_cost(WIDE, "factored").flops - convolution_cost(partial, "factored").flops
    assert difference == 2 * 40 * 64 * (32**2 - 28**2) * 64 * 9
    assert convolution_cost(WIDE, "stencil").flops == convolution_cost(partial, "stencil").flops


def test_stride_and_groups_are_counted():
    strided = dataclasses.replace(WIDE, window=Window.of(3, 2, 1), groups=64)
    assert strided.output == (16, 16)
    assert strided.elements() == (40 * 64 * 32 * 32, 40 * 64 * 16 * 16)
    assert convolution_cost(strided, "stencil").weights == 4 * 64 * 64 * 64 * 9
    assert convolution_cost(strided, "stencil").flops == 2 * 40 * 64 * 16 * 16 * 64 * 9
    products = 2 * 40 * 64 * 16 * 16 * 9
    assert convolution_cost(strided, "factored").flops == products + sum(
        transform_cost(count).flops for count in strided.elements()
    )


def test_a_pointwise_kernel_takes_no_transform():
    pointwise = dataclasses.replace(WIDE, window=Window.of(1))
    assert convolution_cost(pointwise, "factored").flops == 2 * 40 * 64 * 32 * 32 * 64
    assert convolution_cost(pointwise, "factored").calls == 1


def test_bytes_follow_the_itemsize():
    double = dataclasses.replace(WIDE, itemsize=8)
    for form in FORMS:
        single, twice = convolution_cost(WIDE, form), convolution_cost(double, form)
        assert (twice.weights, twice.moved) == (2 * single.weights, 2 * single.moved)
        assert (twice.flops, twice.calls) == (single.flops, single.calls)


def test_costs_add_and_work_counts_all_but_held_weights():
    assert Cost(1, 2, 3, 4) + Cost(10, 20, 30, 40) == Cost(11, 22, 33, 44)
    assert Cost(flops=5).work == 5
    assert Cost(moved=1).work > 1
    assert Cost(calls=1).work > Cost(moved=1).work
    assert Cost(weights=9).work == 0


def test_the_order_of_the_forms_is_the_measured_one():
    """307, 55 and 2 ms for 16→16 channels on 32×32, batch 40."""
    measured = dataclasses.replace(WIDE, channels_in=16, channels_out=16)
    work = [convolution_cost(measured, form).work for form in FORMS]
    assert FORMS == ("dense", "stencil", "factored")
    assert work == sorted(work, reverse=True)
    assert 2 < work[0] / work[1] < 15
    assert 10 < work[1] / work[2] < 70


@pytest.mark.parametrize("channels", [64, 128, 256])
@pytest.mark.parametrize("window", [Window.of(3, 1, 1), Window.of(3, 2, 1), Window.of(1), Window.of(1, 2)])
def test_wide_layers_use_the_factored_form(channels, window):
    assert choose_form(Convolution(8, channels, channels, 1, window, Extent(28, 28))) == "factored"


def test_one_small_block_uses_the_dense_form():
    tiny = Convolution(1, 1, 1, 1, WINDOW, Extent(8, 8))
    assert choose_form(tiny) == "dense"
    assert choose_form(tiny, limit=4 * 64**2) == "dense"
    assert choose_form(tiny, limit=4 * 64**2 - 1) != "dense"
    assert choose_form(tiny, limit=0) == "factored"


def test_the_choice_is_the_cheapest_that_fits():
    chosen = set()
    for batch, channels, side, limit in itertools.product([1, 40], [1, 3, 16], [7, 8, 32], [0, 10**5, 10**9]):
        sizes = Convolution(batch, channels, channels, 1, WINDOW, Extent(side, side))
        costs = {form: convolution_cost(sizes, form) for form in FORMS}
        allowed = [form for form in FORMS if form == "factored" or costs[form].weights <= limit]
        form = choose_form(sizes, limit)
        assert form in allowed
        assert costs[form].work == min(costs[other].work for other in allowed)
        chosen.add(form)
    assert len(chosen) > 1


def test_the_plan_prints_as_a_table():
    steps = (
        PlanRow("stem", "Conv2d", "transform", (16, 28, 28), "factored", Cost(2_500_000, 4_000, 1_250_000, 5)),
        PlanRow("fc", "Linear", "pixels", (10,), "spatial", Cost(1_234_000_000, 0, 0, 1)),
    )
    plan = Plan(8, Extent(28, 28), steps)
    assert plan.total == Cost(1_236_500_000, 4_000, 1_250_000, 6)
    assert [" ".join(line.split()) for line in str(plan).splitlines() if "─" not in line] == [
        "plan for 8 × 28×28 in eval",
        "layer type output domain form MFLOP map kB moved MB",
        "stem Conv2d 16×28×28 transform factored 2.5 4.0 1.2",
        "fc Linear 10 pixels spatial 1,234.0 0.0 0.0",
        "total 1,236.5 4.0 1.2",
    ]
    table = str(plan).splitlines()[1:]
    assert len({len(line) for line in table}) == 1
    assert [line.index("Conv2d") for line in table if "Conv2d" in line] == [
        line.index("type") for line in table if "type" in line
    ]


def test_the_total_of_an_empty_plan_is_zero():
    assert Plan(1, Extent(8, 8), ()).total == Cost()
    assert "total" in str(Plan(1, Extent(8, 8), ()))
