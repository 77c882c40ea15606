"""Networks trained side by side equal those that plain loops train, one after another."""

import copy

import pytest
import torch
import torch.nn.functional as F

import jpegdomain as jd
from experiments.lib.ensemble import seeded, train
from experiments.lib.labelled import Labelled
from jpegdomain.models import three_block_net

from ..twin import twin

SEEDS = [5, 6, 9]
EPOCHS, BATCH = 2, 6


def build():
    return three_block_net(1, 3, (2, 3, 4))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(20, 1, 32, 32, generator=generator, dtype=torch.float64)
    return Labelled(images, torch.randint(0, 3, (20,), generator=generator))


def plainly(network, seed, data):
    """One network, one loop: the last two of twenty images are left over in every epoch."""
    optimizer = torch.optim.Adam(network.parameters())
    generator = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        losses = []
        for chosen in torch.randperm(20, generator=generator)[:18].split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(data.images[chosen]), data.labels[chosen])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return sum(losses) / len(losses)


def same(first, second, tolerance=1e-9):
    torch.testing.assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("together", [True, False])
def test_spatial_networks(data, together):
    networks = [seeded(build, seed).double() for seed in SEEDS]
    alone = copy.deepcopy(networks)
    losses = train(networks, SEEDS, data, epochs=EPOCHS, batch=BATCH, description="", together=together, quiet=True)
    for network, other, seed, loss in zip(networks, alone, SEEDS, losses, strict=True):
        assert loss == pytest.approx(plainly(other.train(), seed, data), rel=1e-6)
        same(network, other)
        assert not network.training


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("method", ["asm", "apx"])
def test_networks_of_different_frequencies(data, method, together, plan):
    """Trained in the transform domain, or with J̃J cancelled, each with its own frequencies, all in the same step."""
    frequencies = [3, 8, 15]
    spatial = [seeded(build, seed).double() for seed in SEEDS]
    networks = [
        jd.convert(one, relu=method, frequencies=n, plan=plan) for one, n in zip(spatial, frequencies, strict=True)
    ]
    given = Labelled(jd.encode(data.images), data.labels)
    train(networks, SEEDS, given, epochs=EPOCHS, batch=BATCH, description="", together=together, quiet=True)
    for network, n, seed in zip(networks, frequencies, SEEDS, strict=True):
        other = twin(seeded(build, seed).double().train(), n, method)
        plainly(other, seed, data)
        same(network, other)
        assert [layer.frequencies for layer in network.modules() if hasattr(layer, "frequencies")] == [n] * 3


def test_weights_follow_from_the_seed_alone():
    first = seeded(build, 3)
    torch.rand(5)
    before = torch.get_rng_state()
    second = seeded(build, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(dict(first.state_dict()), dict(second.state_dict()), rtol=0, atol=0)
    assert not torch.equal(first.linear.weight, seeded(build, 4).linear.weight)


def test_diverging_training_names_the_network(data):
    networks = [seeded(build, seed).double() for seed in SEEDS]
    with torch.no_grad():
        networks[1].linear.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"seeds \[6\]"):
        train(networks, SEEDS, data, epochs=1, batch=BATCH, description="", quiet=True)


def test_too_few_images(data):
    with pytest.raises(ValueError, match="only 20 training images, fewer than a batch of 21"):
        train([build().double()], [0], data, epochs=1, batch=21, description="", quiet=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("domain", ["pixels", "transform"])
def test_a_captured_graph_trains_like_a_plain_loop(data, domain):
    """There are more steps than are run before the capture."""
    networks = [seeded(build, seed).double().cuda() for seed in SEEDS]
    alone = [seeded(build, seed).double().train() for seed in SEEDS]
    images = data.images.cuda()
    if domain == "transform":
        networks = [jd.convert(network) for network in networks]
        images = jd.encode(images)
    given = Labelled(images, data.labels.cuda())
    train(networks, SEEDS, given, epochs=EPOCHS, batch=BATCH, description="", quiet=True)
    for network, other, seed in zip(networks, alone, SEEDS, strict=True):
        plainly(other, seed, data)
        # A step that can be captured computes in float32, where 1 − 0.999 is off by 5e-5, and so are Adam's first
        # steps.
        same(network.cpu(), other, tolerance=1e-6)
