"""Train mode: the converted model's gradients, statistics and steps are the spatial network's."""

import copy

import pytest
import torch
import torch.nn.functional as F
import torchvision

import jpegdomain as jd


def close(a, b, tolerance=1e-8):
    return (a - b).abs().max().item() <= tolerance * max(b.abs().max().item(), 1e-12)


@pytest.mark.parametrize(
    ("build", "extent"),
    [
        (lambda: jd.models.three_block_net(3, 10, (4, 6, 8)), (32, 32)),
        (lambda: jd.models.three_block_net(3, 10, (4, 6, 8)), (37, 21)),
        (jd.models.cifar_resnet20, (20, 28)),
        (lambda: torchvision.models.resnet18(num_classes=10), (75, 62)),
    ],
    ids=["three_block", "three_block-partial", "cifar_resnet20-partial", "resnet18-partial"],
)
def test_three_steps_of_training(build, extent):
    torch.manual_seed(0)
    spatial = build().double().train()
    converted = jd.convert(spatial)
    assert converted.training
    optimisers = [torch.optim.SGD(m.parameters(), lr=0.02, momentum=0.9) for m in (spatial, converted)]
    for _ in range(3):
        pixels = torch.randn(4, 3, *extent, dtype=torch.float64)
        labels = torch.randint(10, (4,))
        outputs = [spatial(pixels), converted(jd.encode(pixels))]
        assert close(outputs[1], outputs[0])
        for output, optimiser in zip(outputs, optimisers, strict=True):
            optimiser.zero_grad()
            F.cross_entropy(output, labels).backward()
        for (name, a), (other, b) in zip(converted.named_parameters(), spatial.named_parameters(), strict=True):
            assert name == other
            assert close(a.grad, b.grad), name
        for optimiser in optimisers:
            optimiser.step()
        for (name, a), b in zip(converted.state_dict().items(), spatial.state_dict().values(), strict=True):
            assert close(a.double(), b.double()), name
    back = jd.to_spatial(converted)
    assert type(back) is type(spatial)
    assert back.training
    for (name, a), b in zip(back.state_dict().items(), spatial.state_dict().values(), strict=True):
        assert close(a.double(), b.double()), name


def test_gradients_reach_the_files_coefficients():
    """What an attack or a saliency map needs: d logits / d activation is J of the pixel gradient."""
    torch.manual_seed(0)
    model = jd.models.three_block_net(3, 10, (4, 4, 4)).double().eval()
    pixels = torch.randn(1, 3, 19, 17, dtype=torch.float64, requires_grad=True)
    model(pixels)[0, 3].backward()
    activation = jd.encode(pixels.detach())
    activation.coefficients.requires_grad_()
    jd.convert(model)(activation)[0, 3].backward()
    expected = jd.encode(pixels.grad).coefficients
    got = jd.encode(jd.decode(jd.Activation(activation.coefficients.grad, (19, 17)))).coefficients
    assert close(got, expected)


def test_dropout_follows_the_mode_and_drops_pixels():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1), torch.nn.Dropout(0.5), torch.nn.Dropout2d(0.5)).double()
    converted = jd.convert(model.eval())
    pixels = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(converted(jd.encode(pixels)), model(pixels))
    torch.manual_seed(0)
    dropped = converted.train()(jd.encode(pixels))
    torch.manual_seed(0)
    expected = model.train()(pixels)
    for result in (dropped, expected):
        kept = result.abs() > 1e-12
        assert 0.1 < kept.double().mean() < 0.5
        # What is kept is scaled by 1/(1 − ½) in each of the two layers.
        torch.testing.assert_close(result[kept], 4 * model.eval()(pixels)[kept])


def test_training_in_the_jpeg_domain_with_few_frequencies_learns():
    torch.manual_seed(0)
    converted = jd.convert(jd.models.three_block_net(1, 2, (4, 4, 4)).train(), frequencies=6)
    pixels = torch.rand(16, 1, 16, 16)
    labels = torch.arange(16) % 2
    pixels[labels == 1, :, :, 8:] += 1
    optimiser = torch.optim.Adam(converted.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        loss = F.cross_entropy(converted(jd.encode(pixels)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_frozen_parameters_and_modes_survive_the_conversion():
    model = jd.models.three_block_net(3, 10, (4, 4, 4)).train()
    model.block1.bn1.eval()
    model.block3.eval()
    model.block1.conv1.weight.requires_grad_(False)
    converted = jd.convert(copy.deepcopy(model))
    assert not converted.block1.bn1.training
    assert converted.block1.bn2.training
    assert not converted.block1.conv1.weight.requires_grad
    assert converted.block1.conv2.weight.requires_grad
    assert not converted.block3.training
    assert not converted.block3.relu.training
    back = jd.to_spatial(converted)
    assert not back.block1.bn1.training
    assert not back.block3.training
    assert not back.block1.conv1.weight.requires_grad
