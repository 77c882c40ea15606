"""Networks drawn at random: what a model's code may do between layers, in unforeseen orders.

The oracle is the spatial network itself at 15 frequencies, and below its low-pass twin on pixels. Networks run with
gradients, where layers are called one after another, and without, where steps run as one call and overwrite what
nothing else reads.
"""

import copy
import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from ..twin import twin
from .models import randomised

_SIZES = [(16, 16), (13, 18), (8, 8), (9, 21), (5, 7)]


class RandomNetwork(nn.Module):
    """Calls drawn once; every one adds a feature map to the list that later ones read from.

    The result of a call that writes in place replaces what it wrote to, under all its names: a model that reads the old
    name of a view afterwards is refused, which other tests check.
    """

    def __init__(self, seed, calls=9):
        super().__init__()
        draw = random.Random(seed)
        self.layers = nn.ModuleDict()
        self.code = []
        self.gives = draw.choice(["one", "all", "pooled"])
        self.layers["stem"] = nn.Conv2d(3, 8, 3, draw.choice([1, 2]), 1)
        # Per value: channels, and the scale of its sides; values of one scale have one size.
        values = [(8, 0)]
        for place in range(calls):
            kind = draw.choices(list(_CALLS), [weight for weight, _ in _CALLS.values()])[0]
            made = _CALLS[kind][1](draw, values, f"{kind}{place}", self.layers)
            if made is not None:
                self.code.append(made[0])
                values.append(made[1])

    def forward(self, x):
        values = [self.layers["stem"](x)]
        for call in self.code:
            values.append(call(values, self.layers))
        if self.gives == "one":
            return values[-1]
        if self.gives == "pooled":
            return {"last": values[-1].mean((2, 3)), "first": values[0].mean((2, 3))}
        return tuple(values)


def _pick(draw, values, like=None):
    """Return the position of a value, usually a recent one; of the shape `like`, if given."""
    fitting = [place for place, shape in enumerate(values) if like is None or shape == like]
    return draw.choice(fitting[-3:] if draw.random() < 0.8 else fitting)


def _convolution(draw, values, name, layers):
    place = _pick(draw, values)
    channels, scale = values[place]
    groups = draw.choice([g for g in (1, 2, channels) if channels % g == 0])
    outputs = groups * draw.choice([1, 2]) if groups == channels else draw.choice([1 * groups, 4, 8])
    kernel, dilation = draw.choice([((1, 1), 1), ((3, 3), 1), ((3, 3), 2), ((1, 3), 1), ((5, 3), 1)])
    stride = draw.choice([1, 1, 1, 2])
    padding = tuple(dilation * (k // 2) for k in kernel)
    mode = draw.choice(["zeros"] * 4 + ["circular", "replicate"])
    bias = draw.random() < 0.5
    layers[name] = nn.Conv2d(channels, outputs, kernel, stride, padding, dilation, groups, bias, mode)
    return (lambda v, m: m[name](v[place])), (outputs, scale + (stride == 2))


def _block(draw, values, name, layers):
    """Convolution, perhaps batch norm, perhaps a sum, perhaps an activation, each of which others may read."""
    place = _pick(draw, values)
    channels, _ = shape = values[place]
    other = _pick(draw, values, shape) if draw.random() < 0.7 else None
    kernel = draw.choice([1, 3])
    layers[name] = nn.Conv2d(channels, channels, kernel, 1, kernel // 2, bias=draw.random() < 0.5)
    normalises, swapped, inplace = (draw.random() < 0.6 for _ in range(3))
    if normalises:
        layers[f"{name}n"] = nn.BatchNorm2d(channels, affine=draw.random() < 0.8)
    if draw.random() < 0.7:
        layers[f"{name}a"] = draw.choice([nn.ReLU(inplace), nn.ReLU(), nn.Hardtanh(-0.5, 0.7)])
    acts = f"{name}a" in layers

    def call(v, m):
        y = m[name](v[place])
        if normalises:
            y = m[f"{name}n"](y)
        if other is not None:
            if inplace and not swapped:
                y += v[other]
            else:
                y = v[other] + y if swapped else y + v[other]
        return m[f"{name}a"](y) if acts else y

    return call, shape


def _shared(draw, values, name, layers):
    """A convolution and a batch norm that are called twice."""
    place = _pick(draw, values)
    channels, _ = shape = values[place]
    layers[name], layers[f"{name}n"] = nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)
    return (lambda v, m: m[f"{name}n"](m[name](F.relu(m[f"{name}n"](m[name](v[place])))))), shape


def _normalisation(draw, values, name, layers):
    place = _pick(draw, values)
    layers[name] = nn.BatchNorm2d(values[place][0], track_running_stats=draw.random() < 0.8)
    return (lambda v, m: m[name](v[place])), values[place]


def _activation(draw, values, name, layers):
    place = _pick(draw, values)
    layers[name] = draw.choice([nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.PReLU(), nn.SiLU(), nn.Identity()])
    return (lambda v, m: m[name](v[place])), values[place]


def _written(draw, values, name, layers):
    """Write in place; the result is read later, too, and the convolution that read the value before must not see it."""
    place = _pick(draw, values)
    layers[name] = nn.Conv2d(values[place][0], values[place][0], 1)
    layers[f"{name}a"] = draw.choice([nn.ReLU(inplace=True), nn.ReLU6(inplace=True), nn.LeakyReLU(inplace=True)])
    how = draw.choice(["module", "function", "iadd", "imul"])

    def call(v, m):
        y = v[place] * 1.25
        before = m[name](y)
        if how == "module":
            m[f"{name}a"](y)
        elif how == "function":
            F.relu_(y)
        elif how == "iadd":
            y += before
        else:
            y *= 0.75
        return before + y

    return call, values[place]


def _sum(draw, values, _name, _layers):
    place = _pick(draw, values)
    other, factor = _pick(draw, values, values[place]), draw.choice([1, -1, 0.5])
    return (lambda v, _: v[place] + factor * v[other]), values[place]


def _concatenation(draw, values, _name, _layers):
    place = _pick(draw, values)
    channels, scale = values[place]
    other = draw.choice([k for k, (_, s) in enumerate(values) if s == scale])
    return (lambda v, _: torch.cat([v[place], v[other]], 1)), (channels + values[other][0], scale)


def _halves(draw, values, _name, _layers):
    place = _pick(draw, values)
    channels, scale = values[place]
    if channels % 2:
        return None
    if draw.random() < 0.5:
        return (lambda v, _: (lambda c: c[0] - c[1])(torch.chunk(v[place], 2, 1))), (channels // 2, scale)
    return (lambda v, _: v[place][:, 1 : 1 + channels // 2]), (channels // 2, scale)


def _shuffle(draw, values, _name, _layers):
    place = _pick(draw, values)
    channels = values[place][0]
    if channels % 2:
        return None

    def call(v, _):
        n, c, h, w = v[place].shape
        return v[place].view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)

    return call, values[place]


def _gate(draw, values, name, layers):
    place = _pick(draw, values)
    layers[name] = nn.Conv2d(values[place][0], values[place][0], 1)
    return (lambda v, m: v[place] * torch.sigmoid(m[name](F.adaptive_avg_pool2d(v[place], 1)))), values[place]


def _pool(draw, values, name, layers):
    place = _pick(draw, values)
    channels, scale = values[place]
    stride = draw.choice([1, 2])
    layers[name] = draw.choice([nn.MaxPool2d(3, stride, 1), nn.AvgPool2d(3, stride, 1)])
    return (lambda v, m: m[name](v[place])), (channels, scale + (stride == 2))


_CALLS = {
    "conv": (3, _convolution),
    "block": (6, _block),
    "shared": (1, _shared),
    "norm": (1, _normalisation),
    "act": (2, _activation),
    "written": (2, _written),
    "sum": (2, _sum),
    "cat": (1, _concatenation),
    "halves": (2, _halves),
    "shuffle": (1, _shuffle),
    "gate": (1, _gate),
    "pool": (1, _pool),
}


def as_tensors(result):
    if isinstance(result, dict):
        result = tuple(result.values())
    each = result if isinstance(result, tuple) else (result,)
    return [value if isinstance(value, torch.Tensor) else jd.decode(value) for value in each]


def same(results, expected, tolerance, share=0.0):
    assert [r.shape for r in results] == [e.shape for e in expected]
    for result, right in zip(results, expected, strict=True):
        apart = (result - right).abs() > tolerance * right.abs().max().clamp_min(1e-3)
        assert apart.double().mean() <= share


def _rounding(model, pixels):
    """How far the spatial network is off by itself, in the memory format that converted ones run in.

    torch's batch norm with the batch's own statistics is up to 40 times less precise in channels-last memory.
    """
    exact = as_tensors(copy.deepcopy(model).double()(pixels.double()))
    rounded = as_tensors(model(pixels.contiguous(memory_format=torch.channels_last)))
    return max(
        ((mine - right).abs().max() / right.abs().max().clamp_min(1e-3)).item()
        for mine, right in zip(rounded, exact, strict=True)
    )


def compare(seed):
    torch.manual_seed(seed)
    dtype, tolerance = ((torch.float64, 1e-9), (torch.float32, 2e-4))[seed % 2]
    size = _SIZES[seed % len(_SIZES)]
    model = randomised(RandomNetwork(seed), seed).to(dtype).eval()
    pixels = torch.randn(2, 3, *size, dtype=dtype)
    with torch.no_grad():
        expected = {15: model(pixels)}
        if dtype == torch.float64:
            expected[6] = twin(model, 6, "asm")(pixels)
        if dtype == torch.float32:
            tolerance = max(tolerance, 4 * _rounding(model, pixels))
    activation = jd.encode(pixels)
    before = activation.coefficients.clone()
    for frequencies, answer in expected.items():
        right = [value.clone() for value in as_tensors(answer)]
        for plan in ("fused", "transform"):
            converted = jd.convert(model, plan=plan, frequencies=frequencies)
            seen = [value.detach() for value in as_tensors(converted(activation))]
            same(seen, right, tolerance)
            with torch.inference_mode(), torch.no_grad():
                # Twice: what the first call folded and wrote must not affect the second.
                same(as_tensors(converted(activation)), right, tolerance)
                same(as_tensors(converted(activation)), right, tolerance)
            assert torch.equal(activation.coefficients, before)


@pytest.mark.parametrize("seed", range(40))
def test_a_network_drawn_at_random_converts_exactly(seed):
    compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(10))
def test_a_thousand_networks_drawn_at_random_convert_exactly(hundred):
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        compare(seed)
