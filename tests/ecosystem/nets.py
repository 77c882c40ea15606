"""What these tests share: a network in which every kind of step occurs once, and its inputs."""

import pytest
import torch
from torch import nn

import jpegdomain as jd

from ..codec.oracle import jpeg, noise
from ..conversion.models import randomised

PLANS = ["transform", "fused"]
SIZE = (19, 12)


class Net(nn.Module):
    """A residual block with batch norm between a strided convolution and a max-pooling; 8 channels fill a vector."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x)))
        x = self.pool(self.relu(self.second(x) + x))
        return self.linear(self.mean(x).flatten(1))


def net(dtype=torch.float64):
    torch.manual_seed(0)
    return randomised(Net()).to(dtype).eval()


def pixels(count=2, size=SIZE, dtype=torch.float64, seed=1):
    return torch.randn(count, 3, *size, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def images(count=2, **kind):
    return [jd.read_jpeg(jpeg(noise(*SIZE, seed=k), quality=80 + k, **kind)) for k in range(count)]


def loss_and_gradients(model, given, labels=None):
    """One training step's loss and its gradients, one vector."""
    logits = model(given)
    labels = torch.arange(len(logits)) % 5 if labels is None else labels
    loss = nn.functional.cross_entropy(logits.double(), labels.to(logits.device))
    model.zero_grad()
    loss.backward()
    gradients = [p.grad.detach().double().flatten().cpu() for p in model.parameters()]
    return torch.cat([loss.detach().cpu().view(1), *gradients])


def close(got, expected, tolerance=1e-9):
    """Equal to a tolerance relative to the largest number."""
    return got.shape == expected.shape and (got - expected).abs().max() <= tolerance * expected.abs().max()


from_torch_2_7 = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 7),
    reason="torch 2.6 compiles no batches and exports no dynamic number of images",
)
