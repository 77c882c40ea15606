"""``torch.func`` over converted models, activations as its inputs and results among them."""

import copy

import pytest
import torch
from torch.func import functional_call, grad, jvp, stack_module_state, vmap

import jpegdomain as jd

from .nets import PLANS, close, net, pixels


def loss(model, parameters, x):
    return functional_call(model, parameters, (x,)).square().sum()


@pytest.mark.parametrize("plan", PLANS)
def test_gradients_are_the_spatial_models(plan):
    model = net()
    converted = jd.convert(model, plan=plan)
    parameters = dict(model.named_parameters())
    expected = grad(loss, argnums=1)(model, parameters, pixels())
    got = grad(loss, argnums=1)(converted, dict(converted.named_parameters()), jd.encode(pixels()))
    assert all(close(got[name], expected[name], 1e-8) for name in parameters)


@pytest.mark.parametrize("plan", PLANS)
def test_an_ensemble_under_vmap(plan):
    models = [net(), copy.deepcopy(net())]
    for parameter in models[1].parameters():
        parameter.data.mul_(1.5)
    converted = [jd.convert(model, plan=plan) for model in models]
    state, base = stack_module_state(converted), copy.deepcopy(converted[0])
    x = jd.encode(pixels())
    results = vmap(lambda state: functional_call(base, state, (x,)))(state)
    for result, model in zip(results, models, strict=True):
        assert close(result, model(pixels()))


# torch says so of its own operations.
@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("plan", PLANS)
def test_vmap_maps_over_activations(plan):
    model = net()
    converted = jd.convert(model, plan=plan)
    stacks = torch.stack([jd.encode(pixels(seed=k)).coefficients for k in (1, 2, 3)])
    extent = jd.encode(pixels()).extent
    results = vmap(lambda coefficients: converted(jd.Activation(coefficients, extent)))(stacks)
    for k, result in enumerate(results, start=1):
        assert close(result, model(pixels(seed=k)))


# torch's own rules for forward mode are scripted.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("plan", PLANS)
def test_forward_mode_and_activations_as_trees(plan):
    model = net()
    converted = jd.convert(model, plan=plan)
    x, direction = jd.encode(pixels()), jd.encode(pixels(seed=5))
    _, got = jvp(converted, (x,), (direction,))
    _, expected = jvp(model, (pixels(),), (pixels(seed=5),))
    assert close(got, expected)
