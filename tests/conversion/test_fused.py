"""The fused plan: the same function, J and its inverse only where they are cheaper than what they replace."""

import copy

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import jpegdomain as jd

from ..twin import twin
from .models import SIZES, batch, nets, network, randomised, small


@pytest.mark.parametrize("size", SIZES[2:], ids=str)
@pytest.mark.parametrize("name", ["resnet18", "three_block", "cifar_resnet20"])
def test_the_answers_are_the_spatial_networks(name, size):
    model = network(name)
    report = jd.verify(model, jd.convert(model, plan="fused"), batch(size))
    assert report.passes(1e-9), report
    assert report.agreement == 1


@pytest.mark.parametrize("method", ["asm", "apx"])
@pytest.mark.parametrize("frequencies", [1, 6, 14])
def test_approximations_are_those_of_the_twin_on_pixels(method, frequencies):
    torch.manual_seed(0)
    model = randomised(torchvision.models.resnet18(weights=None)).double().eval()
    pixels = torch.randn(2, 3, 75, 61, dtype=torch.float64)
    with torch.no_grad():
        expected = twin(model, frequencies, method)(pixels)
        assert (model(pixels) - expected).abs().max() > 1e-3 * expected.abs().max()
        for plan in ("transform", "fused"):
            got = jd.convert(model, plan=plan, frequencies=frequencies, relu=method)(jd.encode(pixels))
            assert (got - expected).abs().max() <= 1e-9 * expected.abs().max()


def training_steps(network, given):
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(given), torch.tensor([0, 1, 2]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, network.state_dict()


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("frequencies", [15, 5])
def test_training_is_that_of_the_network_on_pixels(frequencies, plan):
    model = small()
    pixels = torch.randn(3, 3, 19, 26, dtype=torch.float64)
    losses, state = training_steps(jd.convert(model, plan=plan, frequencies=frequencies), jd.encode(pixels))
    spatial = copy.deepcopy(model) if frequencies == 15 else twin(model, frequencies, "asm")
    expected_losses, expected = training_steps(spatial, pixels)
    assert losses == pytest.approx(expected_losses, rel=1e-9)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)
    for key, value in expected.items():
        torch.testing.assert_close(state[key], value, rtol=1e-8, atol=1e-8)


def test_at_15_frequencies_nothing_is_transformed_after_the_entry():
    plan = jd.convert(torchvision.models.resnet18(weights=None), plan="fused").plan((224, 224), 8)
    assert {step.domain for step in plan.steps} == {"pixels"}
    assert not [step for step in plan.steps if step.layer in ("J", "J̃")]


def test_the_transform_plan_passes_on_coefficients():
    """Between steps; a step is a convolution with the batch norm, addition and activation function after it."""
    plan = jd.convert(torchvision.models.resnet18(weights=None)).plan((224, 224))
    domains = {step.path: step.domain for step in plan.steps if step.layer != "J̃"}
    kept = [path for path, domain in domains.items() if domain == "transform"]
    assert {"relu", "maxpool", "layer1.0.relu", "layer4.1.relu"} <= set(kept)
    transforms = [step.path for step in plan.steps if step.layer in ("J", "J̃")]
    assert len(transforms) == 35


@pytest.mark.parametrize(("kernel", "domain"), [(1, "transform"), (3, "pixels")])
def test_coefficients_stay_where_they_cost_less(kernel, domain):
    """The mean of a 1×1 convolution of the image needs DC only; a 3×3 convolution needs pixels."""
    model = nn.Sequential(nn.Conv2d(3, 4, kernel), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    converted = jd.convert(model, plan="fused")
    assert {step.domain for step in converted.plan((64, 64)).steps if step.layer == "Conv2d"} == {domain}
    pixels = torch.randn(2, 3, 21, 18, dtype=torch.float64)
    torch.testing.assert_close(converted(jd.encode(pixels)), model(pixels), rtol=1e-9, atol=1e-9)


def test_layers_without_a_rule_stay_on_pixels():
    class Squared(nn.Module):
        def forward(self, x):
            return x * x if x.sum() > -1e9 else x

    model = nets(
        lambda self, x: self.relu(self.conv2(self.square(self.conv1(x)))).mean((2, 3)),
        conv1=weight_norm(nn.Conv2d(3, 8, 3)),
        square=Squared(),
        conv2=nn.Conv2d(8, 4, 3),
        relu=nn.ReLU(),
    ).double()
    jd.register_rule(Squared)(lambda module, options: jd.nn.Pointwise(module))
    pixels = torch.randn(2, 3, 21, 18, dtype=torch.float64)
    converted = jd.convert(model, plan="fused")
    torch.testing.assert_close(converted(jd.encode(pixels)), model(pixels), rtol=1e-9, atol=1e-9)
    transform = jd.convert(model)
    torch.testing.assert_close(transform(jd.encode(pixels)), model(pixels), rtol=1e-9, atol=1e-9)


def test_masks_reach_layers_after_one_without_a_rule():
    model = nets(
        lambda self, x: self.relu(self.conv(x)).mean((2, 3)), conv=weight_norm(nn.Conv2d(3, 8, 3)), relu=nn.ReLU()
    ).double()
    pixels = torch.randn(2, 3, 24, 24, dtype=torch.float64)
    with torch.no_grad():
        got = jd.convert(model, plan="fused", frequencies=4)(jd.encode(pixels))
        expected = jd.functional.asm_relu(jd.encode(model.conv(pixels)), 4)
    torch.testing.assert_close(got, jd.decode(expected).mean((2, 3)), rtol=1e-9, atol=1e-9)


def test_a_requested_form_is_used():
    model = small()
    converted = jd.convert(model, plan="fused", form={"block2.conv1": "stencil"})
    forms = {step.path: step.form for step in converted.plan((32, 32)).steps if step.layer == "Conv2d"}
    assert forms["block2.conv1"] == "stencil"
    assert jd.verify(model, converted, jd.encode(torch.randn(2, 3, 32, 32, dtype=torch.float64))).passes(1e-9)


def test_to_spatial_and_copies():
    model = small()
    converted = copy.deepcopy(jd.convert(model, plan="fused", frequencies=7))
    back = jd.to_spatial(converted)
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(back(pixels), model(pixels), rtol=1e-12, atol=1e-12)
    assert list(converted.state_dict()) == list(model.state_dict())
