"""Memory layouts of inputs, copies and data parallelism change nothing."""

import copy
import pickle

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

import jpegdomain as jd

from .nets import PLANS, close, loss_and_gradients, net, pixels


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last, "strided"])
def test_layouts_of_inputs_and_weights(plan, layout):
    model = net()
    converted = jd.convert(model, plan=plan)
    x = jd.encode(pixels()).coefficients
    if layout == "strided":
        x = torch.stack([x, x], dim=-1)[..., 0]
    else:
        x = x.contiguous(memory_format=layout)
        converted.to(memory_format=layout)
    x = jd.Activation(x, jd.encode(pixels()).extent)
    with torch.no_grad():
        assert close(converted(x), model(pixels()))
    got = loss_and_gradients(converted.train(), x)
    assert close(got, loss_and_gradients(model.train(), pixels()), 1e-8)


@pytest.mark.parametrize("plan", PLANS)
def test_copies_and_pickles_are_independent(plan):
    converted = jd.convert(net(), plan=plan)
    x = jd.encode(pixels())
    with torch.no_grad():
        expected = converted(x)
        others = [copy.deepcopy(converted), pickle.loads(pickle.dumps(converted))]
        converted.linear.weight.zero_()
        assert all(close(other(x), expected) for other in others)
        converted.load_state_dict(others[0].state_dict())
        assert close(converted(x), expected)


def step(rank, plan, address, results):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    converted = jd.convert(net(), plan=plan).eval()
    parallel = nn.parallel.DistributedDataParallel(converted, find_unused_parameters=False)
    x = jd.encode(pixels(4)).coefficients
    half = jd.Activation(x[2 * rank : 2 * rank + 2], jd.encode(pixels(1)).extent)
    for _ in range(2):
        # A second step fails where a parameter was left out of the first.
        got = loss_and_gradients(parallel, half, torch.arange(4)[2 * rank : 2 * rank + 2])
    results[rank] = got[1:].numpy()
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="torch without gloo")
@pytest.mark.parametrize("plan", PLANS)
def test_two_processes_get_the_gradient_of_the_whole_batch(plan, tmp_path):
    """Batch norm in eval: in training each process has its own statistics, as in the spatial model."""
    with mp.get_context("spawn").Manager() as manager:
        results = manager.dict()
        mp.spawn(step, (plan, f"file://{tmp_path}/meeting", results), nprocs=2)
        both = [torch.from_numpy(results[rank]) for rank in (0, 1)]
    expected = loss_and_gradients(net(), pixels(4))[1:]
    assert all(close(gradient, expected, 1e-8) for gradient in both)
