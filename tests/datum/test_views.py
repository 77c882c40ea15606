"""What is written to one activation is seen by all that share its pixels, as with torch's views."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import jpegdomain as jd
from jpegdomain.errors import InputError

from .same import assert_same, pixels

VIEWS = {
    "channel": lambda x: x[:, 1],
    "channels": lambda x: x[:, 1:3],
    "rows": lambda x: x[:, :, 3:9],
    "pixel": lambda x: x[:, :, 2, 3],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "unbind": lambda x: x.unbind(0)[1],
    "permuted": lambda x: x.permute(0, 2, 3, 1),
    "twice": lambda x: x.permute(0, 2, 3, 1)[..., :2].transpose(1, 2),
    "view": lambda x: x.view(2, 2, 2, 19, 16),
    "flat": lambda x: x.flatten(2),
    "vector": lambda x: x.view(-1)[7:900],
    "detached": lambda x: x.detach(),
    "data": lambda x: x.data,
    "narrow": lambda x: x.narrow(3, 2, 9),
    "unsqueezed": lambda x: x.unsqueeze(1)[:, 0, 2:],
    "itself": lambda x: x.contiguous(),
    "T": lambda x: x.mT,
}
WRITES = {
    "add_": lambda v: v.add_(1),
    "mul": lambda v: v.__imul__(2),
    "relu_": lambda v: v.relu_(),
    "functional": lambda v: F.relu(v, inplace=True),
    "setitem": lambda v: v.__setitem__(0, 0.25),
    "zero_": lambda v: v.zero_(),
    "copy_": lambda v: v.copy_(torch.full_like(v, 0.5)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("made", ["coefficients", "pixels"])
def test_writing_to_a_view_and_to_its_base(view, write, made):
    def run(x):
        x = torch.sigmoid(x) if made == "pixels" else x + 0
        before, other = VIEWS[view](x), x[:, 1:]
        WRITES[write](before)
        seen = [x.clone(), other.clone(), before.clone()]
        x.add_(3)
        seen += [before.clone(), other.clone()]
        WRITES[write](x[:, :2])
        return [*seen, x, before, other]

    given = pixels(2, 4, 19, 16)
    assert_same(run(jd.encode(given)), run(given))


def test_plain_tensors_are_written_to():
    given = pixels(2, 3, 19, 16)
    x = jd.encode(given)
    for write in (
        lambda t, y: t.copy_(y),
        lambda t, y: t.__setitem__(..., y),
        lambda t, y: t.__setitem__(0, y[1]),
        lambda t, y: t.add_(y),
        lambda t, y: t.__imul__(y),
        lambda t, y: torch.add(t, y, out=t),
        lambda t, y: torch.sigmoid(y, out=t),
        lambda t, y: torch.matmul(y, y.mT.contiguous(), out=t[..., :19].new_empty(2, 3, 19, 19)),
    ):
        got, expected = torch.ones_like(given), torch.ones_like(given)
        write(got, x)
        write(expected, given)
        assert isinstance(got, Tensor)
        assert_same(got, expected)


def test_results_are_written_to_out():
    given = pixels(2, 3, 19, 16)
    x, target = jd.encode(given), jd.encode(torch.zeros_like(given))
    assert torch.mul(x, 2, out=target) is target
    assert_same(target, given * 2)
    with pytest.raises(InputError, match="cannot be written to"):
        torch.mul(x[:, :1], 2, out=target)


def test_infinite_pixels_stay_where_they_are():
    weight = pixels(3, 3)

    def run(x):
        finite = x * 3
        x = x + 0
        x.masked_fill_(x > 0.3, float("-inf"))
        nan = x.masked_fill(x < -0.5, float("nan"))
        joined = torch.cat([x, x.permute(0, 1, 2, 3)], 1) + 1
        return [
            x.softmax(1),
            x * 2,
            (x - 1).permute(0, 2, 3, 1),
            joined.exp(),
            -x,
            x.flip(2),
            nan.nan_to_num(3.0),
            x + x.exp(),
            x + finite,
            torch.cat([finite, x], 1),
            F.linear(x.permute(0, 2, 3, 1), weight),
            F.conv2d(x, weight[:, :, None, None]),
            F.group_norm(x, 3),
        ]

    given = pixels(2, 3, 19, 16)
    for got, expected in zip(run(jd.encode(given)), run(given), strict=True):
        torch.testing.assert_close(jd.decode(got), expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_access_to_pixels_in_memory_raises():
    x = jd.encode(pixels(2, 3, 19, 16))
    with pytest.raises(InputError, match="no pixels in memory"):
        x.data_ptr()
    with pytest.raises(InputError, match="an Activation has no untyped_storage"):
        x.untyped_storage()


def test_gradients_are_the_same_in_every_way_to_request_them():
    given = pixels(2, 3, 19, 16)
    for make in (lambda x: x + 0, lambda x: x.exp()):
        leaf, coded = given.clone().requires_grad_(), jd.encode(given).requires_grad_()
        found = []
        for x in (coded, leaf):
            y = make(x)
            y.retain_grad()
            y.register_hook(lambda gradient: 2 * gradient)
            loss = (y.relu() * y + y.mean((2, 3), keepdim=True)).square().sum()
            asked = torch.autograd.grad(loss, [x, y], retain_graph=True)
            loss.backward()
            found.append([*asked, x.grad, y.grad])
        assert_same(found[0], found[1])


def test_gradients_can_be_requested_after_use_without_them():
    given = pixels(2, 3, 19, 16)
    x = jd.encode(given).requires_grad_()
    with torch.no_grad():
        y = torch.sigmoid(x)
        _ = y.coefficients
    z = torch.sigmoid(x)
    with torch.no_grad():
        _ = z.coefficients + jd.encode(given).coefficients
        torch.sigmoid(z)
    (z + x).square().sum().backward()
    leaf = given.clone().requires_grad_()
    (torch.sigmoid(leaf) + leaf).square().sum().backward()
    assert_same(x.grad, leaf.grad)
