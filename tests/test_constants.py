"""Constants are ordinary tensors, whatever mode they are first requested in."""

import itertools
import threading

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import grad, vmap

from jpegdomain.constants import constant

_numbers = itertools.count(2)


@constant
def ramp(size, dtype, device):
    return torch.linspace(0, 1, size, device=device).to(dtype)


def fresh():
    """Return arguments that have not been used yet."""
    return next(_numbers), torch.float64, torch.device("cpu")


def in_inference_mode(key):
    with torch.inference_mode():
        ramp(*key)


def among_fake_tensors(key):
    with FakeTensorMode():
        ramp(*key)


def under_vmap(key):
    vmap(lambda x: x + ramp(*key).sum())(torch.zeros(2))


def under_grad(key):
    grad(lambda x: x * ramp(*key).sum())(torch.tensor(1.0))


def on_another_default_device(key):
    with torch.device("meta"):
        ramp(*key)


def while_compiled(key):
    torch.compile(lambda x: x + ramp(*key).sum(), backend="eager", fullgraph=True)(torch.zeros(2))


@pytest.mark.parametrize(
    "first",
    [in_inference_mode, among_fake_tensors, under_vmap, under_grad, on_another_default_device, while_compiled],
)
def test_the_mode_of_the_first_call_leaves_no_trace(first):
    key = fresh()
    first(key)
    again = ramp(*key)
    assert type(again) is torch.Tensor
    assert not again.is_inference()
    assert again.tolist() == torch.linspace(0, 1, key[0]).double().tolist()
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    (weight * again).sum().backward()
    assert weight.grad is not None


def test_one_tensor_for_all_threads():
    key, found = fresh(), []
    threads = [threading.Thread(target=lambda: found.append(ramp(*key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(tensor is found[0] for tensor in found)


def test_several_constants_in_one_graph():
    """Of several values of one function, torch.compile has to keep each."""
    cpu = torch.device("cpu")

    def total(x):
        return x + ramp(3, torch.float64, cpu).sum() + 10 * ramp(5, torch.float64, cpu).sum() + ramp(3, x.dtype, cpu)[2]

    run = torch.compile(total, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(run(torch.zeros(1)), torch.tensor([1.5 + 25 + 1]))


def test_errors_reach_the_caller():
    with pytest.raises(RuntimeError, match="number of steps must be non-negative"):
        ramp(-1, torch.float64, torch.device("cpu"))
