"""Addition, multiplication, concatenation and padding, against torch on pixels."""

import pytest
import torch
import torch.nn.functional as F

from jpegdomain.errors import ExtentMismatchError, InputError
from jpegdomain.functional import add, cat, decode, encode, getitem, mul, pad
from jpegdomain.testing import assert_commutes

EXTENTS = [(16, 8), (13, 9)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Operands for an activation (2, 3, 13, 9).
OPERANDS = {
    "number": 1.5,
    "int": 2,
    "scalar": random(()).reshape(()),
    "one": random(1),
    "channels": random(3, 1, 1),
    "channels of one image": random(1, 3, 1, 1),
    "channels of each image": random(2, 3, 1, 1),
    "images": random(2, 1, 1, 1),
    "columns": random(9),
    "plane": random(13, 9),
    "planes": random(3, 13, 9),
    "rows": random(3, 13, 1),
    "images of pixels": random(2, 3, 13, 9),
}


both = pytest.mark.parametrize(("mine", "theirs"), [(add, torch.add), (mul, torch.mul)], ids=["add", "mul"])


@both
@pytest.mark.parametrize("operand", OPERANDS.values(), ids=OPERANDS)
def test_sums_and_products_with_constants(mine, theirs, operand):
    constant = torch.as_tensor(operand, dtype=torch.float64)
    for channels in (3, 1) if constant.dim() < 3 else (3,):
        assert_commutes(lambda x: mine(x, operand), lambda x: theirs(x, constant), (13, 9), channels=channels)
        assert_commutes(lambda x: mine(operand, x), lambda x: theirs(constant, x), (13, 9), channels=channels)


@both
@pytest.mark.parametrize("operand", [random(3, 1, 1), random(2, 3, 1, 1), random(3, 13, 9)], ids=["c", "nc", "chw"])
def test_constants_widen_one_channel(mine, theirs, operand):
    assert_commutes(lambda x: mine(x, operand), lambda x: theirs(x, operand), (13, 9), channels=1)


@both
@pytest.mark.parametrize("operand", [1.5, torch.tensor(1.5, dtype=torch.float64), torch.tensor(2), random(3, 1, 1)])
def test_sums_and_products_have_torchs_dtype(mine, theirs, operand):
    pixels = torch.ones(2, 3, 13, 9)
    assert mine(encode(pixels), operand).dtype == theirs(pixels, operand).dtype


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("alpha", [1, -2.5])
def test_sums_with_a_factor(extent, alpha):
    other = random(2, 3, *extent, seed=1)
    assert_commutes(lambda x: add(x, encode(other), alpha=alpha), lambda x: torch.add(x, other, alpha=alpha), extent)
    constant = random(3, 1, 1)
    assert_commutes(lambda x: add(x, constant, alpha=alpha), lambda x: torch.add(x, constant, alpha=alpha), extent)
    assert_commutes(lambda x: add(constant, x, alpha=alpha), lambda x: torch.add(constant, x, alpha=alpha), extent)
    assert_commutes(lambda x: add(x, other, alpha=alpha), lambda x: torch.add(x, other, alpha=alpha), extent)


@both
@pytest.mark.parametrize("shape", [(2, 3, 13, 9), (2, 1, 13, 9), (1, 3, 13, 9), (2, 3, 1, 1), (2, 1, 1, 1)])
def test_sums_and_products_of_activations(mine, theirs, shape):
    other = random(*shape, seed=1)
    assert_commutes(lambda x: mine(x, encode(other)), lambda x: theirs(x, other), (13, 9))
    assert_commutes(lambda x: mine(encode(other), x), lambda x: theirs(other, x), (13, 9))


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("dim", [0, 1, 2, 3, -1, -2, -3, -4])
def test_cat(extent, dim):
    other = random(2, 3, *extent)
    assert_commutes(lambda x: cat([x, encode(other), x], dim), lambda x: torch.cat([x, other, x], dim), extent)


def test_cat_along_pixels_takes_different_extents():
    other = random(2, 3, 5, 9)
    assert_commutes(lambda x: cat([x, encode(other)], 2), lambda x: torch.cat([x, other], 2), (13, 9))


def test_different_extents_do_not_add_or_join():
    one, two = encode(torch.zeros(1, 1, 8, 8)), encode(torch.zeros(1, 1, 7, 8))
    for combine in (lambda: add(one, two), lambda: cat([one, two]), lambda: cat([one, two], 1)):
        with pytest.raises(ExtentMismatchError, match="different extents cannot be combined: 7×8, 8×8"):
            combine()


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize(
    ("padding", "options"),
    [
        ((1, 2, 3, 4), {}),
        ((1, 0), {"value": 2.5}),
        ((0, 0, 0, 0, 1, 2), {}),
        ((0, 0, 0, 0, 2, 0), {"value": -1.0}),
        ((0, 0, 0, 0, -1, 0), {}),
        ((0, 0, 0, 0, 0, 0, 1, 1), {"value": 0}),
        ((-1, -2, 0, 3), {}),
        ((3, 2, 1, 4), {"mode": "reflect"}),
        ((3, 2, 1, 4), {"mode": "replicate"}),
        ((3, 2, 1, 4), {"mode": "circular"}),
    ],
    ids=str,
)
def test_padding(extent, padding, options):
    assert_commutes(lambda x: pad(x, padding, **options), lambda x: F.pad(x, padding, **options), extent)


@pytest.mark.parametrize("function", [add, mul])
def test_an_operand_must_be_an_activation(function):
    with pytest.raises(InputError, match="one of the operands must be an Activation"):
        function(torch.zeros(1, 1, 8, 8), 1.0)


def test_operands_stay_as_they_were():
    x, y, shift = encode(random(2, 8, 16, 8)), encode(random(2, 8, 16, 8, seed=1)), random(8, 1, 1)
    kept = [tensor.clone() for tensor in (x.coefficients, y.coefficients, shift)]
    with torch.no_grad():
        for combine in (lambda: add(x, y, alpha=2), lambda: mul(x, y), lambda: add(x, shift), lambda: mul(shift, x)):
            combine()
        add(2.0, x)
        getitem(x, slice(1))
        cat([x, y])
    assert all(torch.equal(one, two) for one, two in zip((x.coefficients, y.coefficients, shift), kept, strict=True))


@both
def test_gradients_reach_every_operand(mine, theirs):
    pixels = random(1, 2, 9, 8), random(1, 2, 9, 8, seed=1), random(2, 1, 1)
    x, y, shift = (tensor.requires_grad_() for tensor in pixels)
    result = mine(mine(encode(x), encode(y)), shift).coefficients.square().sum()
    expected = theirs(theirs(x, y), shift).square().sum()
    for one, two in zip(*(torch.autograd.grad(loss, (x, y, shift)) for loss in (result, expected)), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("inplace", "recording"), [(True, False), (False, False), (True, True)])
def test_a_sum_overwrites_its_first_operand_only_if_requested_and_without_gradients(inplace, recording):
    x, y = encode(random(2, 3, 13, 9)), encode(random(2, 3, 13, 9, seed=1))
    before, expected = x.coefficients.clone(), x.coefficients - 2 * y.coefficients
    with torch.set_grad_enabled(recording):
        result = add(x, y, alpha=-2, inplace=inplace).coefficients
    torch.testing.assert_close(result, expected)
    assert (result.data_ptr() == x.coefficients.data_ptr()) == (inplace and not recording)
    assert torch.equal(x.coefficients, before) != (inplace and not recording)


@pytest.mark.parametrize("function", [torch.mul, torch.div, torch.add])
@pytest.mark.parametrize("extent", [(1, 1), (5, 3)])
def test_expanded_tensors_broadcast_as_in_torch(function, extent):
    """One pixel grows to the size of an expanded factor; a map of its size takes the factor as a number."""
    pixels = random(1, 2, *extent)
    factor = torch.tensor([2.0, 3.0], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 5, 3)
    result = function(encode(pixels), factor)
    assert result.shape == function(pixels, factor).shape
    torch.testing.assert_close(decode(result), function(pixels, factor), rtol=0, atol=1e-12)
