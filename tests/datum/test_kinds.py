"""Networks of the kinds people write, one of each, unmodified and eager, on an `Activation`."""

import math
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .same import assert_gradients, assert_same, pixels

MODELS = {}


def kind(function):
    """A network given as a function of (layers, image)."""
    MODELS[function.__name__] = function
    return function


class Network(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.strided = nn.Conv2d(8, 8, 3, stride=2)
        self.up = nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 5)
        self.vector = nn.Parameter(torch.randn(8, 1, 1))
        self.matrix = nn.Parameter(torch.randn(8, 8))

    def forward(self, x):
        return self.function(self, x)

    def stem(self, x):
        return F.relu(self.norm(self.first(x)))

    def classify(self, x):
        return self.head(x.mean((2, 3)))


@kind
def same_padding(m, x):
    x = m.stem(x)
    height, width = x.size()[-2:]
    over = [max((math.ceil(size / 2) - 1) * 2 + 3 - size, 0) for size in (height, width)]
    x = F.pad(x, [over[1] // 2, over[1] - over[1] // 2, over[0] // 2, over[0] - over[0] // 2])
    return m.classify(m.strided(x))


@kind
def branches_on_shapes(m, x):
    x = m.stem(x)
    if x.shape[-1] > 20 and x.shape[2] % 2 == 0:
        x = m.second(x)
    assert x.dim() == 4
    assert len(x) == x.size(0)
    assert x.is_floating_point()
    assert not x.is_sparse
    torch._assert(x.ndim == 4, "an image")
    while x.shape[-1] > 10:
        x = F.max_pool2d(x, 2)
    return m.classify(x)


@kind
def defaults_of_none(m, x, mask=None, bias=None):
    x = m.stem(x)
    x = x if mask is None else x * mask
    return m.classify(x) if bias is None else m.classify(x) + bias


@kind
def maxima_and_norms(m, x):
    x = m.stem(x)
    largest, _ = x.max(dim=1, keepdim=True)
    gate = torch.sigmoid(torch.cat([largest, x.mean(1, keepdim=True)], 1).sum(1, keepdim=True))
    x = x * gate / x.norm(dim=1, keepdim=True).clamp(min=1e-3)
    return m.classify((x - x.mean()) / (x.std() + x.var(dim=(2, 3), keepdim=True)))


@kind
def turned_and_rolled(m, x):
    x = m.stem(x)
    return m.classify(m.second(x.flip(3)) + torch.roll(x, (2, -1), (2, 3)) + torch.flip(x, [1, 2]) - x.roll(1, 0))


@kind
def einsum(m, x):
    x = m.stem(x)
    x = torch.einsum("nchw,kc->nkhw", x, m.matrix)
    weights = torch.einsum("nchw,ndhw->ncd", x, x).softmax(-1)
    return m.classify(torch.einsum("ncd,ndhw->nchw", weights, x))


@kind
def unfolded(m, x):
    x = m.stem(x)
    patches = F.unfold(x, 3, padding=1).view(x.shape[0], 8, 9, *x.shape[2:])
    return m.classify((patches * torch.softmax(patches, 2)).sum(2))


@kind
def wheres_and_comparisons(m, x):
    x = m.stem(x)
    x = torch.where(x > 0.5, x, 0.1 * x)
    x = x.masked_fill(x.abs() < 0.05, 0.0)
    return m.classify(torch.maximum(x, m.second(x)) * (x >= x.mean()) + (x == 0))


@kind
def matrix_products(m, x):
    x = m.stem(x)
    tokens = x.permute(0, 2, 3, 1) @ m.matrix
    return m.head(tokens.mean((1, 2))) + m.classify(torch.matmul(x, x.transpose(2, 3)))


class Two(NamedTuple):
    low: object
    high: object


def several(m, x):
    x = m.stem(x)
    low, high = x.chunk(2, dim=1)
    return Two(low, high), low.unbind(1)


@kind
def tuples(m, x):
    two, channels = several(m, x)
    x = torch.cat([two.high, torch.stack(channels, 1)], 1)
    return {"logits": m.classify(x), "maps": (x, [two.low])}


@kind
def pooled_factors(m, x):
    x = m.stem(x)
    gate = torch.sigmoid(m.second(F.adaptive_avg_pool2d(x, 1)))
    x = gate * x + m.vector - m.vector.expand_as(x) + x.mean((2, 3), keepdim=True)
    return m.classify(gate.expand_as(x) * x * m.vector[None])


@kind
def coordinates(m, x):
    n, _, h, w = x.shape
    rows = torch.linspace(-1, 1, h, dtype=x.dtype, device=x.device).view(1, 1, h, 1).expand(n, 1, h, w)
    columns = torch.linspace(-1, 1, w).to(x).expand(n, 1, h, w)
    x = torch.cat([x[:, :1], rows, columns], dim=1)
    return m.classify(m.stem(x))


@kind
def attention(m, x):
    x = m.stem(x)
    n, c, h, w = x.shape
    tokens = x.flatten(2).transpose(1, 2)
    tokens = tokens + m.attention(tokens, tokens, tokens)[0]
    return m.classify(m.second(tokens.transpose(1, 2).reshape(n, c, h, w) + x))


@kind
def axial_attention(m, x):
    x = m.stem(x)
    q, k = x.permute(0, 2, 3, 1), x.permute(0, 2, 1, 3)
    return m.classify(F.scaled_dot_product_attention(q, q, q).permute(0, 3, 1, 2) + k.permute(0, 2, 1, 3).softmax(1))


@kind
def fourier(m, x):
    x = m.stem(x)
    spectrum = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(torch.stack([m.vector, m.vector], -1))
    return m.classify(m.second(torch.fft.irfft2(spectrum, s=x.shape[-2:], norm="ortho")))


@kind
def space_to_depth(m, x):
    x = m.stem(x)
    n, c, h, w = x.shape
    x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, c * 4, h // 2, w // 2)
    x = F.pixel_unshuffle(F.pixel_shuffle(x, 2), 4)
    return m.classify(F.pixel_shuffle(x, 4))


@kind
def focus_slices(m, x):
    x = m.stem(x)
    parts = [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]]
    return m.classify(torch.cat(parts, 1)[:, 4:12])


@kind
def autoencoder(m, x):
    return m.up(torch.relu(F.conv2d(m.stem(x), m.second.weight, stride=2, padding=1)))


@kind
def siamese(m, x):
    one, other = m.stem(x), m.stem(x.flip(-1))
    return F.cosine_similarity(m.classify(one), m.classify(other)), F.pairwise_distance(
        one.flatten(1), other.flatten(1)
    )


@kind
def in_place(m, x):
    x = m.norm(m.first(x))
    y = x
    x += m.second(F.relu(x, inplace=True))
    x.mul_(0.5).add_(1)
    x[:, 2] = 0.25
    x[:, :, 3:6, ::2] *= -1
    x[x > 2] = 2.0
    if not torch.is_grad_enabled():
        torch.add(x, 1, out=x)
    part = x[:, 4:]
    part.neg_()
    x.narrow(1, 0, 4).clamp_(max=1.5)
    x.view(x.shape[0], -1)[:, :100] = 0
    flat = x.flatten(2)
    flat[:, 1] += 1
    return m.classify(x) + m.classify(y), part


@kind
def in_place_in_training(m, x):
    x = m.norm(m.first(x))
    shortcut = x * 2
    shortcut += m.second(x)
    F.relu(shortcut, inplace=True)
    x = shortcut + 0
    x[:, 2] = m.vector.mean()
    x[:, :, 3:6] *= -1
    x[:, 4:].neg_()
    x.flatten(2)[:, 1] += 1
    return m.classify(x)


@kind
def loops(m, x):
    x = m.stem(x)
    rows = [row.mean(0) for image in x for row in image.split(5, dim=1)]
    total = sum(float(row.abs().max()) > 0 for row in rows)
    return m.classify(x) * total, rows[0]


@kind
def upsampled(m, x):
    x = m.stem(x)
    small = F.interpolate(m.strided(x), size=x.shape[2:], mode="bilinear", align_corners=False)
    grid = F.affine_grid(torch.eye(2, 3, dtype=x.dtype).expand(len(x), 2, 3), x.shape, align_corners=False)
    return m.classify(small + F.grid_sample(x, grid, align_corners=False) + F.avg_pool2d(x, 3, 1, 1))


@kind
def scripted_part(m, x):
    return m.classify(torch.jit.script(nn.Sequential(m.second, nn.SiLU()).to(m.matrix))(m.stem(x)))


@kind
def normalised_weights(m, x):
    mean = m.second.weight.mean((1, 2, 3), keepdim=True)
    return m.classify(F.conv2d(F.layer_norm(m.stem(x), [*x.shape[2:]]), m.second.weight - mean, padding="same"))


@kind
def dynamic_filters(m, x):
    x = m.stem(x)
    kernels = F.adaptive_avg_pool2d(x, 3).reshape(-1, 1, 3, 3)
    n, c, h, w = x.shape
    return m.classify(F.conv2d(x.reshape(1, n * c, h, w), kernels, groups=n * c, padding=1).view(n, c, h, w))


@kind
def infinite_masks(m, x):
    x = m.stem(x)
    x = x.masked_fill(x < 0.1, -math.inf).permute(0, 2, 3, 1).softmax(-1).nan_to_num(0.1)
    return m.head(x.mean((1, 2)))


@kind
def contexts(m, x):
    with torch.no_grad():
        x = m.stem(x)
    return m.classify(m.second(x.detach()))


def network(function):
    torch.manual_seed(0)
    model = Network(function).double().eval()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.parametrize("size", [(40, 56), (24, 28)])
@pytest.mark.parametrize("name", MODELS)
def test_kinds(name, size):
    model, given = network(MODELS[name]), pixels(2, 3, *size)
    before = given.clone()
    x = jd.encode(given)
    with torch.no_grad():
        assert_same(model(x), model(given.clone()))
    torch.testing.assert_close(jd.decode(x), before)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"in_place", "loops", "scripted_part", "tuples"}))
def test_kinds_train(name):
    assert_gradients(network(MODELS[name]).train(), pixels(2, 3, 24, 28))


def test_two_images_into_one_network():
    class Two(nn.Module):
        def forward(self, first, second=None, *, scale=1.0):
            return torch.cat([first, second], 1) * scale + (first - second).abs().sum(1, keepdim=True)

    one, two = pixels(2, 3, 19, 21), pixels(2, 3, 19, 21, seed=2)
    assert_same(Two()(jd.encode(one), second=jd.encode(two), scale=2), Two()(one, second=two, scale=2))
    assert_same(Two()(jd.encode(one), second=two), Two()(one, second=two))


def test_scripted_wrapped_and_averaged_models():
    model, given = network(MODELS["pooled_factors"]), pixels(2, 3, 24, 28)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).double().eval()
    with torch.no_grad():
        scripted = torch.jit.script(layers)
        assert_same(scripted(jd.encode(given)), layers(given))
        assert_same(nn.DataParallel(model)(jd.encode(given)), model(given))
        assert_same(torch.optim.swa_utils.AveragedModel(model)(jd.encode(given)), model(given))


def test_hooks_of_every_kind():
    model, given = network(MODELS["autoencoder"]), pixels(2, 3, 24, 28)
    seen = {}

    def run(x):
        handles = [
            model.first.register_forward_hook(lambda _m, _a, out: seen.__setitem__("out", out)),
            model.first.register_forward_pre_hook(lambda _m, args: (args[0] * 2,)),
        ]
        result = model(x)
        seen["out"].retain_grad()
        seen["out"].register_hook(lambda gradient: seen.__setitem__("gradient", gradient * 2) or gradient * 2)
        result.square().mean().backward()
        for handle in handles:
            handle.remove()
        return [seen["out"], seen["gradient"], seen["out"].grad, model.first.weight.grad.clone()]

    expected = run(given)
    model.zero_grad()
    assert_same(run(jd.encode(given)), expected)


@pytest.mark.parametrize("name", ["pooled_factors", "same_padding"])
def test_checkpointing(name):
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return checkpoint(self.inner, x, use_reentrant=False)

    assert_gradients(Checkpointed(network(MODELS[name])).train(), pixels(2, 3, 24, 28))


def test_einops():
    einops = pytest.importorskip("einops", reason="einops is not installed")
    given = pixels(2, 8, 24, 28)
    for pattern, sizes in [
        ("n c h w -> n h w c", {}),
        ("n (g c) h w -> n g c h w", {"g": 2}),
        ("n c h w -> n (h w) c", {}),
        ("n c (h a) (w b) -> n (c a b) h w", {"a": 2, "b": 2}),
    ]:
        assert_same(einops.rearrange(jd.encode(given), pattern, **sizes), einops.rearrange(given, pattern, **sizes))
    assert_same(
        einops.reduce(jd.encode(given), "n c h w -> n c", "mean"), einops.reduce(given, "n c h w -> n c", "mean")
    )
