"""Converted networks on some of the frequency channels, against masks applied in plain numpy."""

import copy
import dataclasses
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.frequency import (
    ChannelGate,
    ChannelSet,
    ChannelStatistics,
    Frontend,
    MaskedEntry,
    NormalisedGate,
    all_channels,
    published,
)
from jpegdomain.preprocess import CenterCrop, Compose, Pad, Resize

from .. import oracle
from ..ecosystem.nets import from_torch_2_7
from ..preprocess.pictures import picture

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
LOPSIDED = ChannelSet((0, 1, 8, 13, 62), (0, 2), (0, 16, 57))
SETS = {"24S": published("24S"), "48T": published("48T"), "24D": published("24D"), "lopsided": LOPSIDED}
KINDS = ["4:2:0", "gray", "4:4:4", "4:2:2", "4:1:1"]


def files(extent=(19, 21)):
    made = [picture(kind, extent, seed) for seed, kind in enumerate(KINDS)]
    return [*made, picture("4:4:4", extent, 9, color="rgb")]


def batch(dtype=torch.float64, **options):
    return jd.collate(files(), dtype=dtype, **options)


def network(channels=3):
    torch.manual_seed(0)
    return jd.models.three_block_net(channels, 10, (4, 6, 8)).double().eval()


def components(levels):
    """(n, 3, h, w) RGB 0…255 → level-shifted Y, Cb, Cr, from Y's definition."""
    red, green, blue = np.moveaxis(levels, 1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([luma - 128, (blue - luma) / 1.772, (red - luma) / 1.402], axis=1)


def levels(ycc):
    """And back."""
    luma, cb, cr = np.moveaxis(ycc, 1, 0)
    red, blue = luma + 1.402 * cr, luma + 1.772 * cb
    return np.stack([red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue], axis=1) + 128


def kept_of(selection):
    """(3, 8, 8), from the numbers of the set, frequency by frequency."""
    mask = np.zeros((3, 8, 8))
    for component, frequencies in enumerate(selection.in_order("row-major").components):
        for frequency in frequencies:
            mask[component, frequency // 8, frequency % 8] = 1
    return mask


def masked(ycc, masks):
    """Keep some frequencies of each block of (n, c, h, w) samples; masks are (n, c, 8, 8)."""
    coefficients = oracle.encode(ycc)
    for x, y in oracle.tiles(*ycc.shape[2:]):
        coefficients[:, :, 8 * x : 8 * x + 8, 8 * y : 8 * y + 8] *= masks
    return oracle.decode(coefficients, *ycc.shape[2:])


def normalised(pixels, channels=3):
    mean, std = (np.array(values[:channels]).reshape(1, -1, 1, 1) for values in (MEAN, STD))
    return torch.from_numpy((pixels / 255 - mean) / std)


def expected_pixels(given, masks, channels=3):
    """Return the pixels of a batch that a spatial model must get."""
    if channels == 1:
        luma = jd.decode_luma(given).numpy() - 128
        return normalised(masked(luma, np.broadcast_to(masks, (len(luma), 3, 8, 8))[:, :1]) + 128, 1)
    return normalised(levels(masked(components(jd.decode_rgb(given).numpy()), masks)))


def converted(kept, channels=3, **options):
    return jd.convert(network(channels), mean=MEAN[:channels], std=STD[:channels], channels=kept, **options)


def close(result, expected, tolerance=1e-9):
    assert (result - expected).abs().max() <= tolerance * expected.abs().max()
    return True


class Loudest(nn.Module):
    """Keeps the channels whose mean square is above a threshold, and all of them in training."""

    def __init__(self, threshold=40.0):
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, x):
        power = x.square().mean(dim=(2, 3))
        soft = torch.sigmoid((power - self.threshold) / 100)
        hard = torch.ones_like(power) if self.training else (power > self.threshold).to(power)
        keep = hard + (soft - soft.detach())
        return x * keep[:, :, None, None], keep


STATISTICS = ChannelStatistics(torch.linspace(-3, 3, 192), torch.linspace(30, 1, 192), 9)


def deciding():
    """A `ChannelGate` that keeps some channels of some images."""
    gate = ChannelGate().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in (gate.conv2.weight, gate.conv2.bias):
            values.normal_(generator=generator)
    return gate


def loudest(ycc, statistics=None, threshold=40.0):
    """The same masks in numpy, (n, 3, 8, 8)."""
    coefficients = oracle.encode(ycc)
    power = np.zeros((len(ycc), 192))
    for image, channel in np.ndindex(*power.shape):
        component, frequency = divmod(channel, 64)
        values = coefficients[image, component, frequency // 8 :: 8, frequency % 8 :: 8]
        if statistics is not None:
            values = (values - statistics.mean[channel].item()) / statistics.std[channel].item()
        power[image, channel] = (values**2).mean()
    return (power > threshold).astype(float).reshape(-1, 3, 8, 8)


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SETS)
def test_a_static_set_is_the_spatial_model_on_masked_pixels(name, channels, plan):
    given, selection = batch(), SETS[name]
    expected = expected_pixels(given, kept_of(selection)[None], channels)
    model = network(channels)
    net = converted(selection, channels, plan=plan)
    with torch.no_grad():
        assert close(net(given), model(expected))
        assert not torch.allclose(net(given), jd.convert(model, mean=MEAN[:channels], std=STD[:channels])(given))
    assert close(net.jpeg_entry.normalised_pixels(given), expected)


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize(
    "preprocess",
    [Compose([Resize(16), CenterCrop(16)]), Pad((3, 2), fill=(200, 30, 90)), Compose([Resize((13, 30))])],
    ids=["crop", "pad", "resize"],
)
def test_channels_are_those_of_the_preprocessed_image(preprocess, plan):
    given = batch(preprocess=preprocess)
    expected = expected_pixels(given, kept_of(LOPSIDED)[None])
    with torch.no_grad():
        assert close(converted(LOPSIDED, plan=plan, preprocess=preprocess)(given), network()(expected))


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("extent", [(16, 24), (19, 21)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_activation_is_masked_as_a_file_with_the_same_pixels(channels, extent, plan):
    pixels = np.random.default_rng(0).uniform(-20, 280, (2, channels, *extent))
    masks = kept_of(LOPSIDED)[None]
    if channels == 3:
        expected = normalised(levels(masked(components(pixels), masks)))
    else:
        expected = normalised(masked(pixels - 128, masks[:, :1]) + 128, 1)
    given = jd.encode(normalised(pixels, channels))
    net, model = converted(LOPSIDED, channels, plan=plan), network(channels)
    with torch.no_grad():
        assert close(net(given), model(expected))
    assert jd.verify(model, net, given).passes(1e-9)


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("statistics", [None, STATISTICS], ids=["raw", "normalised"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_gate_chooses_for_each_image(channels, statistics, plan):
    given, model = batch(), network(channels)
    ycc = components(jd.decode_rgb(given).numpy())
    threshold = 40.0 if statistics is None else 0.7
    masks = loudest(ycc, statistics, threshold)
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    gate = Loudest(threshold).eval()
    net = converted(gate if statistics is None else NormalisedGate(gate, statistics), channels, plan=plan)
    assert net.jpeg_entry.keep(given).tolist() == masks.reshape(-1, 192).tolist()
    with torch.no_grad():
        assert close(net(given), model(expected_pixels(given, masks, channels)))
    assert jd.verify(model, net, given).passes(1e-9)
    if channels == 3:
        activation = jd.encode(normalised(jd.decode_rgb(given).numpy()))
        with torch.no_grad():
            assert close(net(activation), net(given))


def test_a_gate_on_gray_activations_sees_no_chroma():
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 1, 16, 16))
    ycc = np.concatenate([pixels - 128, np.zeros((2, 2, 16, 16))], axis=1)
    masks = loudest(ycc)
    expected = normalised(masked(pixels - 128, masks[:, :1]) + 128, 1)
    with torch.no_grad():
        net = converted(Loudest(), 1)
        assert close(net(jd.encode(normalised(pixels, 1))), network(1)(expected))


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_channels_are_the_plain_conversion_to_the_bit(plan, dtype):
    given = batch(dtype)
    model = network().to(dtype)
    whole, plain = (jd.convert(model, plan=plan, channels=kept) for kept in (all_channels(), None))
    with torch.no_grad():
        assert torch.equal(whole(given), plain(given))
    luma = ChannelSet(tuple(range(64)))
    model = network(1).to(dtype)
    whole, plain = (jd.convert(model, plan=plan, channels=kept) for kept in (luma, None))
    with torch.no_grad():
        assert torch.equal(whole(given), plain(given))


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("options", [{}, {"preprocess": Resize(16)}, {"preprocess": CenterCrop(24)}], ids=str)
def test_single_precision_by_the_compiled_renderer(plan, options):
    options = dict(options)
    if "preprocess" in options:
        options["preprocess"] = Compose([options["preprocess"], CenterCrop(16)])
    for kept in (LOPSIDED, published("24D"), Loudest()):
        net = jd.convert(network(), plan=plan, channels=kept)
        with torch.no_grad():
            exact = net(batch(**options))
            assert close(net.float()(batch(torch.float32, **options)).double(), exact, 1e-4)


@pytest.mark.parametrize("domain", ["transform", "pixels"])
def test_half_precision_and_autocast_do_not_affect_the_entry(domain):
    entry = MaskedEntry(LOPSIDED, domain=domain)

    def values(dtype):
        entered = entry(batch(dtype))
        assert entered.dtype == dtype
        return entered.coefficients if domain == "transform" else entered

    exact = values(torch.float32)
    assert torch.equal(values(torch.bfloat16), exact.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(values(torch.float32), exact)


def test_pixels_outside_the_image_are_zero():
    activation = MaskedEntry(LOPSIDED)(batch())
    again = jd.encode(jd.decode(activation))
    torch.testing.assert_close(activation.coefficients, again.coefficients, rtol=0, atol=1e-12)


def test_verify_sees_a_wrong_mask_and_asks_gates_in_eval():
    net, model = converted(Loudest()), network()
    net.train()
    assert jd.verify(model, net, batch()).passes(1e-9)
    assert net.jpeg_entry.gate.gate.training
    with torch.no_grad():
        net.jpeg_entry.forward = MaskedEntry(LOPSIDED, 3, MEAN, STD, net.jpeg_entry.domain).forward
    assert not jd.verify(model, net, batch()).passes(1e-3)


def test_a_gate_is_copied_learns_and_is_saved_with_the_model():
    gate = Loudest()
    net = converted(gate)
    assert not net.jpeg_entry.training
    assert gate.training
    assert set(net.state_dict()) - set(network().state_dict()) == {
        "jpeg_entry.gate.gate.threshold",
        "jpeg_entry.gate.mean",
        "jpeg_entry.gate.std",
    }
    net(batch()).square().sum().backward()
    assert net.jpeg_entry.gate.gate.threshold.grad.abs().sum() > 0
    assert gate.threshold.grad is None
    spatial = jd.to_spatial(net)
    assert spatial.state_dict().keys() == network().state_dict().keys()
    other = converted(Loudest())
    other.load_state_dict(net.state_dict())


@pytest.mark.parametrize("kept", [LOPSIDED, NormalisedGate(deciding(), STATISTICS)], ids=["set", "gate"])
def test_copies_and_plans(kept):
    net = converted(kept).double()
    given = batch()
    with torch.no_grad():
        expected = net(given)
        assert torch.equal(copy.deepcopy(net)(given), expected)
        assert torch.equal(pickle.loads(pickle.dumps(net))(given), expected)
        buffer = io.BytesIO()
        torch.save(net, buffer)
        buffer.seek(0)
        assert torch.equal(torch.load(buffer, weights_only=False)(given), expected)
    assert str(net.plan((24, 24))) == str(jd.convert(network()).plan((24, 24)))


@from_torch_2_7
@pytest.mark.slow
@pytest.mark.parametrize("kept", [LOPSIDED, NormalisedGate(deciding(), STATISTICS)], ids=["set", "gate"])
def test_exportable_networks_mask_too(kept):
    net = converted(kept).double()
    images = [picture("4:2:0", (19, 21), seed) for seed in range(3)]
    with torch.no_grad():
        expected = net(jd.collate(images, dtype=torch.float64))
        from_files = jd.exportable(net, images[0])
        program = torch.export.export(from_files, from_files.example_inputs(), dynamic_shapes=from_files.dynamic_shapes)
        assert close(program.module()(*from_files.inputs(images)), expected)
        activation = jd.encode(normalised(jd.decode_rgb(jd.collate(images, dtype=torch.float64)).numpy()))
        from_pixels = jd.exportable(net, (19, 21))
        program = torch.export.export(from_pixels, from_pixels.example_inputs())
        assert close(program.module()(activation.coefficients[:2]), expected[:2])


@from_torch_2_7
@pytest.mark.slow
@pytest.mark.parametrize("kept", [LOPSIDED, Loudest()], ids=["set", "gate"])
def test_compiled_networks_mask_too(kept):
    net = converted(kept).double()
    compiled = torch.compile(net, backend="eager")
    images = [picture("4:2:0", (19, 21), seed) for seed in range(2)]
    given = jd.collate(images, dtype=torch.float64).as_tensors()
    with torch.no_grad():
        assert close(compiled(given), net(given))
        assert close(compiled(batch(preprocess=Resize((16, 16)))), net(batch(preprocess=Resize((16, 16)))))


@pytest.mark.parametrize("kept", [LOPSIDED, Loudest()], ids=["set", "gate"])
def test_under_vmap_and_with_gradients_of_the_input(kept):
    net = converted(kept)
    given = jd.encode(torch.randn(3, 3, 19, 21, dtype=torch.float64))
    with torch.no_grad():
        each = torch.func.vmap(lambda one: net(jd.Activation(one, given.extent)))(given.coefficients[:, None])
        assert close(each[:, 0], net(given))
    coefficients = given.coefficients.clone().requires_grad_()
    net(jd.Activation(coefficients, given.extent)).square().sum().backward()
    assert coefficients.grad.abs().sum() > 0


def test_the_repr_shows_the_set():
    assert "kept=ChannelSet(y=(0, 1, 8, 13, 62), cb=(0, 2), cr=(0, 16, 57)" in repr(converted(LOPSIDED).jpeg_entry)
    assert "(gate): Loudest()" in repr(converted(Loudest()).jpeg_entry)


def test_impossible_channels_are_refused():
    with pytest.raises(InputError, match="keeps no channel of Y"):
        converted(ChannelSet((), (0,)), 1)
    with pytest.raises(InputError, match="takes 5 channels instead of 1 or 3"):
        jd.convert(nn.Sequential(nn.Conv2d(5, 2, 1)), channels=LOPSIDED)
    with pytest.raises(InputError, match="an unknown number of channels"):
        jd.convert(nn.ReLU(), channels=LOPSIDED)
    with pytest.raises(InputError, match=r"ChannelSet or a gate, got str.*published\('24S'\)"):
        converted("24S")
    with pytest.raises(InputError, match=r"Identity must return .* 192\)"):
        converted(nn.Identity())(batch())
    with pytest.raises(InputError, match=r"jpegdomain\.collate.*got Tensor"):
        converted(LOPSIDED)(torch.zeros(1, 3, 8, 8))


def test_anything_but_a_gate_of_all_channels_is_refused():
    with pytest.raises(InputError, match=r"a gate of all 192 channels; got ChannelGate\(24, "):
        converted(ChannelGate(24))
    with pytest.raises(InputError, match=r"a gate of all 192 channels; got Frontend\(24S"):
        converted(Frontend(published("24S")))
    with pytest.raises(InputError, match=r"a gate of all 192 channels; got ChannelGate\(24, "):
        converted(NormalisedGate(ChannelGate(24)))


def test_a_forward_hook_sees_the_decisions_of_a_training_step():
    net = converted(ChannelGate()).train()
    seen = []
    net.jpeg_entry.gate.register_forward_hook(lambda _module, _given, keep: seen.append(keep))
    net(batch()).sum().backward()
    (keep,) = seen
    assert 0 < keep.mean() < 1
    assert keep.requires_grad


def test_statistics_of_other_channels_are_refused():
    with pytest.raises(InputError, match=r"statistics of 192 channels.*got ChannelStatistics\(24 channels"):
        NormalisedGate(Loudest(), STATISTICS.select(published("24S")))
    with pytest.raises(InputError, match="chroma='nearest'"):
        NormalisedGate(Loudest(), dataclasses.replace(STATISTICS, chroma="nearest"))


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_the_channels_of_a_channel_gate_are_those_of_the_frontend(plan):
    torch.manual_seed(1)
    gate = ChannelGate().double()
    nn.init.normal_(gate.conv2.weight)
    nn.init.normal_(gate.conv2.bias)
    given, model = batch(), network()
    _, keep = gate.eval()(jd.frequency.Frontend(all_channels(), STATISTICS)(given))
    assert 20 < keep.sum(1).mean() < 180
    net = converted(NormalisedGate(gate, STATISTICS), plan=plan)
    assert torch.equal(net.jpeg_entry.keep(given), keep)
    with torch.no_grad():
        assert close(net(given), model(expected_pixels(given, keep.detach().numpy().reshape(-1, 3, 8, 8))))
    net.train()
    net(given).square().sum().backward()
    assert net.jpeg_entry.gate.gate.conv2.bias.grad.abs().sum() > 0


def test_the_channels_of_a_set_are_those_of_frequency_channels():
    given = batch()
    pixels = converted(LOPSIDED).jpeg_entry.normalised_pixels(given)
    whole = jd.frequency.frequency_channels(given)
    whole[:, [c for c in range(192) if c not in LOPSIDED.indices]] = 0
    in_place = nn.functional.pixel_shuffle(whole, 8).numpy()
    assert close(pixels, normalised(levels(oracle.decode(in_place, 19, 21))))
