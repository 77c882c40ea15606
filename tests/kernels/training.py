"""Train layers and converted models that would run into faulty kernels: python -m tests.kernels.training.

Each is named before it runs, so that the last line before a crash says where it happened.
"""

import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .worker import guard

__all__: list[str] = []


def layers(channels):
    torch.manual_seed(0)
    layer = jd.nn.Conv2d(channels, 5, 1, stride=2)
    layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    pixels = torch.randn(10, channels, 32, 32).contiguous(memory_format=torch.channels_last)
    for name, given in (("activations", jd.encode(pixels)), ("pixels", pixels)):
        print(f"layer on {name}, {channels} channels", flush=True)
        for _ in range(60):
            out = layer(given)
            (out if isinstance(out, torch.Tensor) else out.coefficients).sum().backward()


def converted(plan):
    torch.manual_seed(0)
    print(f"training of a model converted with plan={plan!r}", flush=True)
    model = jd.convert(jd.models.three_block_net(3, 10, (2, 3, 4)).train(), plan=plan)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(10):
        optimiser.zero_grad()
        F.cross_entropy(model(jd.encode(torch.randn(10, 3, 32, 32))), torch.randint(10, (10,))).backward()
        optimiser.step()


class DepthwiseResidual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, groups=6)

    def forward(self, x):
        x = self.first(x)
        return x + self.second(x)


def summed():
    torch.manual_seed(0)
    print("a depthwise convolution and a sum without gradients", flush=True)
    spatial = DepthwiseResidual().eval()
    model = jd.convert(spatial, plan="fused")
    pixels = torch.randn(2, 3, 24, 24)
    with torch.no_grad():
        for _ in range(3):
            found, expected = model(jd.encode(pixels)), spatial(pixels)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def dilated():
    print("a 1×1 convolution with dilation, stride and padding on a map one pixel wide", flush=True)
    spatial = nn.Conv2d(18, 16, 1, 2, padding=1, dilation=2, groups=2)
    layer = jd.nn.Conv2d.from_spatial(spatial)
    pixels = torch.randn(1, 18, 14, 1).contiguous(memory_format=torch.channels_last)
    layer(pixels).sum().backward()
    model = jd.convert(nn.Sequential(spatial).eval(), plan="fused")
    with torch.no_grad():
        model(jd.encode(pixels))


def main():
    torch.set_num_threads(1)
    switch = guard()
    switch.value = 1
    for channels in (2, 3, 4, 7):
        layers(channels)
    for plan in ("transform", "fused"):
        converted(plan)
    summed()
    dilated()
    switch.value = 0
    print("done", flush=True)


if __name__ == "__main__":
    main()
