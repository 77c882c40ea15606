"""Linear maps, reductions and arithmetic with other axes than the pixels', against torch on pixels."""

import pytest
import torch
import torch.nn.functional as F

from jpegdomain.errors import InputError
from jpegdomain.functional import (
    add,
    cat,
    div,
    elementwise,
    encode,
    island,
    linear,
    mul,
    neg,
    permute,
    pointwise,
    reduce_amax,
    reduce_mean,
    reduce_sum,
    sub,
    unsqueeze,
)
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9), (1, 1)]
every_extent = pytest.mark.parametrize("extent", EXTENTS)
LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def last(x):
    return permute(x, LAST)


@every_extent
@pytest.mark.parametrize("biased", [True, False])
def test_linear_maps_of_channels_are_pointwise_convolutions(extent, biased):
    weight, bias = random(5, 3), random(5, seed=1) if biased else None
    assert_commutes(lambda x: linear(last(x), weight, bias), lambda x: F.linear(x.permute(LAST), weight, bias), extent)
    assert_commutes(
        lambda x: permute(linear(last(x), weight, bias), FIRST),
        lambda x: F.conv2d(x, weight[:, :, None, None], bias),
        extent,
    )


def test_linear_maps_of_columns():
    weight, bias = random(5, 9), random(5, seed=1)
    assert_commutes(lambda x: linear(x, weight, bias), lambda x: F.linear(x, weight, bias), (13, 9))


REDUCTIONS = [(reduce_mean, torch.mean), (reduce_sum, torch.sum), (reduce_amax, torch.amax)]


@every_extent
@pytest.mark.parametrize(("mine", "theirs"), REDUCTIONS, ids=["mean", "sum", "amax"])
@pytest.mark.parametrize("dims", [1, 0, (0, 1), (1, -4), (2, 3), (1, 2, 3), 3, -2, (1, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("keepdim", [True, False])
def test_reductions(extent, mine, theirs, dims, keepdim):
    dims = tuple({dim % 4 for dim in dims}) if isinstance(dims, tuple) else dims
    assert_commutes(lambda x: mine(x, dims, keepdim), lambda x: theirs(x, dims, keepdim), extent)
    assert_commutes(lambda x: mine(last(x), dims, keepdim), lambda x: theirs(x.permute(LAST), dims, keepdim), extent)


@pytest.mark.parametrize(("mine", "theirs"), REDUCTIONS[:2], ids=["mean", "sum"])
def test_reduction_of_everything(mine, theirs):
    assert_commutes(mine, theirs, (13, 9))


# Operands for a channels-last map (2, 13, 9, 3).
OPERANDS = {
    "number": 1.5,
    "channels": random(3),
    "channels of each image": random(2, 1, 1, 3),
    "columns": random(9, 1),
    "pixels": random(2, 13, 9, 3),
    "one more axis": random(4, 1, 1, 1, 3),
}


@pytest.mark.parametrize("operand", OPERANDS.values(), ids=OPERANDS)
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(add, torch.add), (sub, torch.sub), (mul, torch.mul), (div, torch.div)],
    ids=["add", "sub", "mul", "div"],
)
def test_arithmetic_of_rearranged_maps(mine, theirs, operand):
    constant = torch.as_tensor(operand, dtype=torch.float64)
    assert_commutes(lambda x: mine(last(x), operand), lambda x: theirs(x.permute(LAST), constant), (13, 9))
    assert_commutes(lambda x: mine(operand, last(x)), lambda x: theirs(constant, x.permute(LAST)), (13, 9))


def test_arithmetic_of_several_rearranged_maps():
    factors = random(1, 4, 3, 1, 1)
    assert_commutes(lambda x: add(last(x), last(x), alpha=0.5), lambda x: 1.5 * x.permute(LAST), (13, 9))
    assert_commutes(lambda x: mul(last(x), last(x)), lambda x: x.permute(LAST).square(), (13, 9))
    assert_commutes(lambda x: neg(last(x)), lambda x: -x.permute(LAST), (13, 9))
    assert_commutes(lambda x: cat([last(x), last(x)], 3), lambda x: torch.cat([x, x], 1).permute(LAST), (13, 9))
    assert_commutes(lambda x: cat([last(x), last(x)], 1), lambda x: torch.cat([x, x], 2).permute(LAST), (13, 9))
    assert_commutes(lambda x: mul(unsqueeze(x, 1), factors), lambda x: x[:, None] * factors, (13, 9))
    assert_commutes(lambda x: mul(x, unsqueeze(x, 0)), lambda x: x * x[None], (13, 9))
    with pytest.raises(InputError, match="the same axes: permute them to the same order first"):
        cat([encode(random(1, 3, 8, 8)), last(encode(random(1, 3, 8, 8)))])


@every_extent
def test_islands_keep_the_order_of_axes(extent):
    assert_commutes(
        lambda x: island(last(x), lambda pixels: pixels.softmax(-1)), lambda x: x.permute(LAST).softmax(-1), extent
    )
    assert_commutes(lambda x: island(x, lambda pixels: pixels.cumsum(3)), lambda x: x.cumsum(3), extent)
    for order in (LAST, (2, 3, 0, 1), (1, 0, 2, 3)):
        assert_commutes(
            lambda x, o=order: elementwise(permute(x, o), lambda maps: pointwise(maps, torch.tanh)),
            lambda x, o=order: x.permute(o).tanh(),
            extent,
        )
