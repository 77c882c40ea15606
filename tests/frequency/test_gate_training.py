"""How often channels are kept, counted image by image, and the sets made from these rates."""

import pytest
import torch
from torch import nn

from jpegdomain.errors import InputError
from jpegdomain.frequency import ChannelGate, ChannelSet, NormalisedGate, keep_rates, to_static


@pytest.fixture
def gate():
    torch.manual_seed(0)
    gate = ChannelGate(5)
    with torch.no_grad():
        gate.conv2.weight.normal_()
        gate.conv2.bias.normal_(std=0.1)
    return gate


def test_rates_are_shares_of_images_whatever_the_batches(gate):
    images = torch.randn(23, 5, 2, 2)
    rates = keep_rates(gate, images.split(7))
    gate.eval()
    counts = [0] * 5
    for image in images:
        for channel, kept in enumerate(gate(image[None])[1][0].tolist()):
            counts[channel] += kept
    assert rates.tolist() == pytest.approx([count / 23 for count in counts], abs=1e-12)
    assert rates.dtype == torch.float64
    assert 0 < rates.mean() < 1


def test_modes_are_restored_and_labels_are_ignored(gate):
    images = torch.randn(6, 5, 2, 2)
    whole = nn.Sequential(nn.Dropout(0.5), gate)
    gate.bn1.eval()
    rates = keep_rates(whole, [(images, torch.zeros(6))])
    assert torch.equal(rates, keep_rates(gate, [images]))
    assert [whole.training, whole[0].training, gate.training, gate.bn1.training] == [True, True, True, False]

    def broken():
        yield images
        raise RuntimeError("a file is missing")

    with pytest.raises(RuntimeError, match="missing"):
        keep_rates(gate, broken())
    assert gate.training
    assert not gate.bn1.training


def test_static_sets_are_those_kept_most_or_in_more_than_half_of_the_images():
    rates = torch.zeros(192)
    rates[[3, 70, 191, 8]] = torch.tensor([0.9, 1.0, 0.51, 0.5])
    assert to_static(rates, name="mine") == ChannelSet((3,), (6,), (63,))
    assert to_static(rates, name="mine").name == "mine"
    assert to_static(rates, 2) == ChannelSet((3,), (6,))
    assert to_static(rates, 4) == ChannelSet((3, 8), (6,), (63,))


def test_wrong_input_is_named(gate):
    with pytest.raises(InputError, match="at least one batch, got none"):
        keep_rates(gate, [])
    with pytest.raises(InputError, match="no channel is kept in more than half"):
        to_static(torch.full((192,), 0.5))
    with pytest.raises(InputError, match="one for each of 192 channels, got the shape \\(5,\\)"):
        to_static(torch.ones(5))
    with pytest.raises(InputError, match="1…192, got 0"):
        to_static(torch.ones(192), 0)
    with pytest.raises(InputError, match=r"a NormalisedGate, give its gate"):
        keep_rates(NormalisedGate(ChannelGate()), [torch.zeros(2, 192, 1, 1)])
