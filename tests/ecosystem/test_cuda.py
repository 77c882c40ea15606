"""On a GPU: the same numbers, trained, compiled, under autocast, from files."""

import copy

import pytest
import torch

import jpegdomain as jd

from .nets import PLANS, close, images, loss_and_gradients, net, pixels

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.parametrize("plan", PLANS),
]


def on_gpu(x):
    return x.to("cuda")


def batch(dtype=torch.float64):
    return jd.collate([*images(2, subsampling="4:2:0"), *images(1)], dtype=dtype)


def test_verify(plan):
    model = net().cuda()
    report = jd.verify(model, jd.convert(model, plan=plan), on_gpu(batch()))
    assert report.passes(1e-9), report


def test_a_training_step(plan):
    model = net().train()
    converted = jd.convert(model, plan=plan).cuda()
    got = loss_and_gradients(converted, on_gpu(jd.encode(pixels())))
    assert close(got, loss_and_gradients(model, pixels()), 1e-8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast(plan, dtype):
    model = net(torch.float32).cuda()
    x = pixels(32, dtype=torch.float32).cuda()
    exact = net().cuda()(x.double())
    with torch.no_grad(), torch.autocast("cuda", dtype):
        got, spatial = jd.convert(model, plan=plan)(jd.encode(x)), model(x)
    assert (got - exact).norm() <= 2 * (spatial - exact).norm()


def test_compiled(plan):
    model = net(torch.float32).cuda()
    run = torch.compile(jd.convert(model, plan=plan), fullgraph=True)
    x = pixels(dtype=torch.float32).cuda()
    with torch.no_grad():
        assert close(run(jd.encode(x)), model(x), 1e-4)


def test_models_and_batches_move_both_ways(plan):
    model = net()
    converted = jd.convert(model, plan=plan)
    expected = model(converted.jpeg_entry.normalised_pixels(batch()))
    there = copy.deepcopy(converted).cuda()
    with torch.no_grad():
        assert close(there(on_gpu(batch())).cpu(), expected)
        assert close(there.cpu()(batch()), expected)


def test_decoding_on_the_device(plan):
    there = on_gpu(batch())
    assert there.device.type == "cuda"
    torch.testing.assert_close(jd.decode_rgb(there).cpu(), jd.decode_rgb(batch()), rtol=1e-9, atol=1e-9)
