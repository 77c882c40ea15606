"""A fitted start: its regressions, the blocks, and batch norms that get their statistics back."""

import math

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from experiments.frequency_adaptation.fitting import fit_start
from experiments.frequency_adaptation.norms import unfold_norms
from experiments.frequency_adaptation.regression import Moments
from jpegdomain.frequency import adapt

PENALTY = 1e-3


def ridge(x, y, penalty=PENALTY):
    """Ridge regression as least squares with the penalty as further rows, rescaled to the targets' spread."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    xc, yc = x - x.mean(0), y - y.mean(0)
    size = math.sqrt(len(x) * penalty * xc.var(0).mean())
    weight = np.linalg.lstsq(
        np.vstack([xc, size * np.eye(x.shape[1])]), np.vstack([yc, np.zeros((x.shape[1], y.shape[1]))])
    )[0]
    predicted = xc @ weight
    explained = 1 - (yc - predicted).var(0).sum() / yc.var(0).sum()
    return weight, predicted * (yc.std(0) / predicted.std(0)) + y.mean(0), explained


def test_regression_is_least_squares():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 7)) @ random.normal(size=(7, 7)) + 3
    y = x[:, :3] ** 2 + random.normal(size=(60, 3))
    moments = Moments()
    for part in range(0, 60, 20):
        moments.add(torch.tensor(x[part : part + 20]), torch.tensor(y[part : part + 20]))
    plain = np.linalg.lstsq(np.hstack([x, np.ones((60, 1))]), y)[0][:-1]
    np.testing.assert_allclose(moments.ridge(0.0).numpy(), plain.T, atol=1e-9)
    for penalty in (PENALTY, 0.3):
        own = moments.ridge(penalty)
        weight, predicted, explained = ridge(x, y, penalty)
        np.testing.assert_allclose(own.numpy(), weight.T, atol=1e-9)
        assert moments.explained(own) == pytest.approx(explained, abs=1e-9)
        scaled, bias = (one.numpy() for one in moments.matched(own))
        np.testing.assert_allclose(x @ scaled.T + bias, predicted, atol=1e-9)
    assert moments.explained(own) < moments.explained(moments.ridge(PENALTY))


def test_what_does_not_vary_is_its_mean():
    moments = Moments()
    with pytest.raises(ValueError, match="no rows"):
        moments.ridge()
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    moments.add(x, torch.full((20, 2), 5.0))
    weight, bias = moments.matched(moments.ridge())
    torch.testing.assert_close(weight, torch.zeros_like(weight))
    torch.testing.assert_close(bias, torch.full_like(bias, 5.0))


def patches(x):
    """All 3×3 neighbourhoods with zeros around, as rows of channel by row by column."""
    n, c, h, w = x.shape
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.array(
        [wide[i, :, a : a + 3, b : b + 3].ravel() for i in range(n) for a in range(h) for b in range(w)]
    ).reshape(n * h * w, 9 * c)


def rows(x):
    return x.movedim(1, -1).flatten(0, 2).detach().numpy()


def trained(network):
    """Give every batch norm statistics and weights that are not the initial ones."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.bias.data, module.running_mean):
                values.copy_(torch.randn(values.shape, generator=generator) / 4)
    return network.double().eval()


def pairs(channels, scale, count=2):
    generator = torch.Generator().manual_seed(2)
    side = 8
    return [
        (
            torch.randn(3, channels, side, side, generator=generator, dtype=torch.float64),
            torch.randn(3, 3, side * scale, side * scale, generator=generator, dtype=torch.float64),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(("kind", "channels"), [("resnet18", 5), ("resnet18", 64), ("resnet50", 6)])
def test_resnets_first_block_is_fitted_layer_by_layer(kind, channels):
    torch.manual_seed(0)
    block = {"resnet18": torchvision.models.resnet.BasicBlock, "resnet50": torchvision.models.resnet.Bottleneck}[kind]
    rgb = trained(torchvision.models.ResNet(block, [1, 1, 1, 1], 2))
    adapted = adapt(rgb, channels).train()
    data = pairs(channels, 4)
    explained = fit_start(rgb, adapted, data)
    assert adapted.training
    assert not rgb.training
    ours, theirs, x, pixels = (
        adapted.layer1[0].eval(),
        rgb.layer1[0],
        *(torch.cat(own) for own in zip(*data, strict=True)),
    )
    stem = rgb.maxpool(rgb.relu(rgb.bn1(rgb.conv1(pixels))))
    h, z = x, stem
    for number in ("1", "2") if kind == "resnet50" else ("1",):
        conv, norm = getattr(ours, f"conv{number}"), getattr(ours, f"bn{number}")
        target = getattr(theirs, f"bn{number}")(getattr(theirs, f"conv{number}")(z))
        features = patches(h.detach().numpy()) if conv.kernel_size == (3, 3) else rows(h)
        _, predicted, _ = ridge(features, rows(target))
        np.testing.assert_allclose(rows(norm(conv(h))), predicted, atol=1e-6)
        h, z = norm(conv(h)).relu(), target.relu()
    if kind == "resnet50":
        branch, features = theirs.bn3(theirs.conv3(z)), rows(h)
        last = ours.bn3(ours.conv3(h))
    else:
        branch, features = theirs.bn2(theirs.conv2(z)), patches(h.detach().numpy())
        last = ours.bn2(ours.conv2(h))
    target = branch + (stem if theirs.downsample is None else theirs.downsample(stem))
    if channels == 64:
        # The shortcut has no weights.
        assert ours.downsample is None
        _, predicted, share_of = ridge(features, rows(target - x))
        np.testing.assert_allclose(rows(last), predicted, atol=1e-6)
    else:
        _, predicted, share_of = ridge(np.hstack([features, rows(x)]), rows(target))
        np.testing.assert_allclose(rows(last + ours.downsample(x)), predicted, atol=1e-6)
    assert explained == pytest.approx(share_of, abs=1e-6)
    # In training mode it begins with the same function, up to its running statistics' n − 1.
    with torch.no_grad():
        still, moving = ours(x), ours.train()(x)
    torch.testing.assert_close(moving, still, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("channels", [6, 16])
def test_mobilenets_channels_pass_and_its_projection_is_fitted(channels):
    torch.manual_seed(0)
    rgb = trained(torchvision.models.mobilenet_v2(num_classes=2))
    adapted = adapt(rgb, channels)
    data = pairs(channels, 2)
    explained = fit_start(rgb, adapted, data)
    x, pixels = (torch.cat(own) for own in zip(*data, strict=True))
    block, target = adapted.features[1], rgb.features[:2](pixels)
    passed = (x - x.mean((0, 2, 3), keepdim=True)).clamp(-3, 3)
    torch.testing.assert_close(block.conv[0](x) - 3, passed)
    assert block.use_res_connect == (channels == 16)
    _, predicted, share_of = ridge(rows(passed), rows(target - x if channels == 16 else target))
    np.testing.assert_allclose(rows(block.conv(x)), predicted, atol=1e-6)
    assert explained == pytest.approx(share_of, abs=1e-6)


def test_unfolded_norms_compute_the_same_and_know_their_inputs():
    torch.manual_seed(0)
    network = trained(torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 2))
    batches = [torch.randn(3, 3, 64, 64, dtype=torch.float64) + 1 for _ in range(2)]
    with torch.no_grad():
        before = network(batches[0])
        unfold_norms(network, batches)
        torch.testing.assert_close(network(batches[0]), before)
        stem = network.conv1(torch.cat(batches))
    torch.testing.assert_close(network.bn1.running_mean, stem.mean((0, 2, 3)))
    torch.testing.assert_close(network.bn1.running_var, stem.var((0, 2, 3), correction=0))
    seen = []
    network.layer3[0].bn2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.cat(batches))
    torch.testing.assert_close(network.layer3[0].bn2.running_mean, seen[0].mean((0, 2, 3)))
