"""The gate against plain numpy, its gradients against gradients worked out by hand, its channels on a toy task."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelGate, Schedule, gate_penalty, target_penalty


def random_gate(channels=6, **options):
    """A gate in float64 whose decisions differ from image to image."""
    gate = ChannelGate(channels, **options).double()
    with torch.no_grad():
        gate.conv2.weight.normal_()
        gate.conv2.bias.normal_(std=0.1)
        gate.bn1.running_mean.normal_(std=0.1)
        gate.bn1.running_var.uniform_(0.5, 2)
        gate.bn1.weight.normal_()
        gate.bn1.bias.normal_()
    return gate


def images(n=16, channels=6):
    centres = torch.randn(n, channels, 1, 1, dtype=torch.float64)
    return centres + torch.randn(n, channels, 3, 5, dtype=torch.float64)


def naive_logits(gate, x):
    """(n, C, 2) in plain numpy, the batch's own statistics if the gate is in training."""
    tensors = (*gate.named_parameters(), *gate.named_buffers())
    state = {name: value.detach().numpy() for name, value in tensors}
    average = x.numpy().mean((2, 3))
    hidden = average @ state["conv1.weight"][:, :, 0, 0].T + state["conv1.bias"]
    mean, variance = state["bn1.running_mean"], state["bn1.running_var"]
    if gate.training:
        mean, variance = hidden.mean(0), hidden.var(0)
    hidden = (hidden - mean) / np.sqrt(variance + 1e-5) * state["bn1.weight"] + state["bn1.bias"]
    hidden = np.maximum(hidden, 0)
    logits = np.empty((*average.shape, 2))
    for channel in range(gate.channels):
        for choice in range(2):
            row = 2 * channel + choice
            logits[:, channel, choice] = (
                hidden[:, channel] * state["conv2.weight"][row, 0, 0, 0] + state["conv2.bias"][row]
            )
    return logits


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("training", [True, False])
def test_logits_are_those_of_plain_numpy(training):
    gate, x = random_gate().train(training), images()
    expected = naive_logits(gate, x)
    np.testing.assert_allclose(gate.logits(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_eval_keeps_where_on_exceeds_off_and_is_deterministic():
    gate, x = random_gate().eval(), images()
    expected = naive_logits(gate, x).argmax(2)
    with torch.no_grad():
        gated, keep = gate(x)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(keep.numpy(), expected)
    np.testing.assert_array_equal(gated.numpy(), x.numpy() * expected[:, :, None, None])
    for _ in range(3):
        assert torch.equal(gate(x)[1], keep)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_a_new_gate_keeps_a_channel_with_probability_087(temperature):
    gate = ChannelGate(192, temperature=temperature)
    keep = torch.cat([gate(torch.randn(64, 192, 2, 2))[1] for _ in range(8)])
    # 98,304 draws: a standard error of 0.001.
    assert keep.mean().item() == pytest.approx(1 / (1 + np.exp(-1.9)), abs=0.005)
    assert set(keep.unique().tolist()) == {0.0, 1.0}
    assert gate.eval()(torch.randn(4, 192, 2, 2))[1].all()


@pytest.mark.parametrize("margin", [-2.0, 0.3])
def test_the_kept_share_agrees_with_two_gumbel_draws(margin):
    gate = ChannelGate(50)
    with torch.no_grad():
        gate.conv2.weight.zero_()
        gate.conv2.bias.copy_(torch.tensor([0.5, 0.5 + margin]).repeat(50))
    kept = torch.cat([gate(torch.randn(200, 50, 1, 1))[1] for _ in range(10)]).mean().item()
    gumbel = -np.log(-np.log(np.random.default_rng(0).uniform(size=(2, 100_000))))
    assert kept == pytest.approx((margin + gumbel[1] > gumbel[0]).mean(), abs=0.008)


def test_seeded_draws_repeat_and_others_differ():
    gate, x = ChannelGate(192), torch.randn(8, 192, 2, 2)
    torch.manual_seed(7)
    first, second = gate(x)[1], gate(x)[1]
    torch.manual_seed(7)
    assert torch.equal(gate(x)[1], first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("temperature", "noise"), [(1.0, 1.0), (0.4, 1.0), (2.5, 0.5), (0.7, 0.0)])
def test_straight_through_gradients_of_the_logits_are_those_worked_out_by_hand(temperature, noise):
    gate, x = random_gate(temperature=temperature, noise=noise), images()
    logits = []
    gate.conv2.register_forward_hook(lambda module, inputs, output: logits.append(output))
    upstream, price = torch.randn_like(x), torch.randn(x.shape[:2], dtype=x.dtype)
    torch.manual_seed(3)
    gated, keep = gate(x)
    logits[0].retain_grad()
    ((gated * upstream).sum() + (keep * price).sum()).backward()

    torch.manual_seed(3)
    uniform = torch.rand(x.shape[:2], dtype=x.dtype).numpy() if noise else np.full(x.shape[:2], 0.5)
    values = naive_logits(gate, x)
    margin = values[..., 1] - values[..., 0] + noise * (np.log(uniform) - np.log(1 - uniform))
    np.testing.assert_array_equal(keep.detach().numpy(), margin > 0)
    soft = 1 / (1 + np.exp(-margin / temperature))
    of_keep = (x.numpy() * upstream.numpy()).sum((2, 3)) + price.numpy()
    of_margin = of_keep * soft * (1 - soft) / temperature
    expected = np.stack([-of_margin, of_margin], -1).reshape(len(x), -1)
    np.testing.assert_allclose(logits[0].grad[:, :, 0, 0].numpy(), expected, rtol=1e-9, atol=1e-12)
    assert all(parameter.grad.abs().sum() > 0 for parameter in gate.parameters())


def test_without_noise_training_decides_as_eval_does():
    gate, x = random_gate(noise=0.0), images()
    gate.bn1.eval()
    in_training = gate(x)[1]
    assert torch.equal(in_training, gate.eval()(x)[1])


def test_autocast_changes_no_decision():
    gate, x = random_gate().float().eval(), images().float()
    keep = gate(x)[1]
    with torch.autocast("cpu", torch.bfloat16):
        gated, under = gate(x)
        assert gate.train()(x)[1].dtype == torch.float32
    assert (under.dtype, gated.dtype) == (torch.float32, torch.float32)
    assert torch.equal(under, keep)
    assert gate.eval()(x.bfloat16())[0].dtype == torch.bfloat16


def test_temperature_and_noise_may_change_and_are_shown():
    gate = ChannelGate(4)
    gate.temperature, gate.noise = 0.25, 0
    assert "4, temperature=0.25, noise=0" in repr(gate)
    assert (gate.temperature, gate.noise) == (0.25, 0.0)


def test_state_and_pickle_restore_the_gate():
    gate, x = random_gate().eval(), images()
    other = ChannelGate(6).double().eval()
    other.load_state_dict(gate.state_dict())
    assert torch.equal(other(x)[1], gate(x)[1])
    copy = pickle.loads(pickle.dumps(gate))
    assert torch.equal(copy(x)[1], gate(x)[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChannelGate(0), "number of channels must be 1 or more, got 0"),
        (lambda: ChannelGate(4, temperature=0), "temperature must be positive, got 0"),
        (lambda: ChannelGate(4, temperature=float("nan")), "temperature must be positive"),
        (lambda: ChannelGate(4, noise=-1), "noise must be 0 or more, got -1"),
        (lambda: ChannelGate(4)(torch.zeros(2, 3, 1, 1)), r"takes \(n, 4, X, Y\), got \(2, 3, 1, 1\)"),
        (lambda: ChannelGate(4)(torch.zeros(2, 4)), r"takes \(n, 4, X, Y\), got \(2, 4\)"),
        (lambda: ChannelGate(4)(torch.zeros(1, 4, 8, 8)), "at least two images in a batch, got 1"),
        (lambda: Schedule(1, 0, 5), "positive values, got 1 and 0: use shape='cosine'"),
        (lambda: Schedule(1, 2, 0), "steps must be 1 or more, got 0"),
        (lambda: Schedule(1, 2, 3, "linear"), "'exponential' or 'cosine', got 'linear'"),
        (lambda: target_penalty(torch.ones(2, 4), 0), "above 0 and at most 4 channels, got 0"),
        (lambda: target_penalty(torch.ones(2, 4), 5), "above 0 and at most 4 channels, got 5"),
        (lambda: gate_penalty(torch.ones(4)), r"keep must be \(n, C\)"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_schedules_run_from_start_to_end_and_stay_there():
    exponential = Schedule(5, 0.5, 10)
    assert [exponential(step) for step in (0, 5, 10, 99)] == pytest.approx([5, np.sqrt(2.5), 0.5, 0.5])
    ratios = [exponential(step + 1) / exponential(step) for step in range(9)]
    assert ratios == pytest.approx([10**-0.1] * 9)
    cosine = Schedule(1, 0, 4, "cosine")
    assert [cosine(step) for step in (0, 1, 2, 3, 4, 5)] == pytest.approx(
        [1, 0.5 + np.sqrt(0.125), 0.5, 0.5 - np.sqrt(0.125), 0, 0]
    )
    assert cosine(4) == 0


def test_penalties_and_their_gradients():
    keep = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 0]], requires_grad=True)
    assert gate_penalty(keep).item() == 2
    assert target_penalty(keep, 2).item() == 0
    for target, expected in [(1, 1.0), (4, 0.5), (3, 1 / 3)]:
        assert target_penalty(keep, target).item() == pytest.approx(expected)
    (slope,) = torch.autograd.grad(gate_penalty(keep), keep)
    torch.testing.assert_close(slope, torch.full((2, 4), 1 / 2))
    (slope,) = torch.autograd.grad(target_penalty(keep, 4), keep)
    torch.testing.assert_close(slope, torch.full((2, 4), -1 / 2 / 4))


def trained_gate(penalty, steps=250, informative=24, n=32):
    """A gate trained with a small network to tell ten classes apart, and how many channels it keeps in eval mode."""
    gate = ChannelGate()
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 10))
    parameters = [*gate.parameters(), *network.parameters()]
    optimiser = torch.optim.Adam(parameters, 0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.01, steps)
    noise = Schedule(1, 0, steps * 3 // 4, "cosine")
    centres = torch.zeros(10, 192, 1, 1)
    centres[:, torch.randperm(192)[:informative]] = 1.5 * torch.randn(10, informative, 1, 1)

    def batch(size):
        labels = torch.randint(10, (size,))
        return centres[labels] + torch.randn(size, 192, 1, 1), labels

    for step in range(steps):
        gate.noise = noise(step)
        x, labels = batch(n)
        gated, keep = gate(x)
        loss = nn.functional.cross_entropy(network(gated), labels) + penalty(keep, step / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    gate.eval()
    with torch.no_grad():
        x, labels = batch(500)
        gated, keep = gate(x)
        accuracy = (network(gated).argmax(1) == labels).float().mean().item()
    informs = centres.abs().amax((0, 2, 3)) > 0
    return keep.sum(1).mean().item(), keep[:, informs].sum(1).mean().item(), accuracy


@pytest.mark.parametrize("target", [12, 24, 48])
def test_a_gate_trained_for_a_target_keeps_that_many_in_eval_within_two(target):
    falling = Schedule(192, target, 100, "cosine")
    kept, informative, accuracy = trained_gate(
        lambda keep, share: 3 * target_penalty(keep, falling(round(160 * share)))
    )
    assert abs(kept - target) <= 2
    assert informative >= 0.6 * min(target, 24)
    assert accuracy > 0.9


def test_a_price_per_channel_lowers_the_number_of_channels():
    free, _, _ = trained_gate(lambda keep, share: 0 * gate_penalty(keep), steps=120)
    dear, _, _ = trained_gate(lambda keep, share: 0.05 * gate_penalty(keep), steps=120)
    assert dear < free / 2


def test_temperature_and_noise_are_part_of_the_state():
    other = ChannelGate(6)
    other.load_state_dict(ChannelGate(6, temperature=0.25, noise=0.0).state_dict())
    assert (other.temperature, other.noise) == (0.25, 0.0)


def test_a_gate_runs_on_the_meta_device():
    gated, keep = ChannelGate(6).eval().to("meta")(torch.empty(2, 6, 3, 5, device="meta"))
    assert (gated.shape, keep.shape) == ((2, 6, 3, 5), (2, 6))
