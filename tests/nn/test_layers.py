"""What all layers share: torch's results, torch's settings, and errors if they are used wrongly."""

import copy
import pickle

import pytest
import torch

from jpegdomain import nn
from jpegdomain.errors import InputError
from jpegdomain.functional import add, decode, encode
from jpegdomain.testing import assert_commutes

# Constructors that torch.nn and jpegdomain.nn share, for 8 channels.
SHARED = [
    "Conv2d(8, 4, 3, padding=1)",
    "Conv2d(8, 4, (3, 5), (2, 1), (1, 0), (1, 2), 2, bias=False)",
    "Conv2d(8, 8, 4, padding='same')",
    "Conv2d(8, 2, 3, padding=2, padding_mode='circular')",
    "Conv2d(8, 2, 3, 2, 'valid', padding_mode='reflect')",
    "Conv2d(8, 3, 1)",
    "BatchNorm2d(8)",
    "BatchNorm2d(8, 1e-3, None, affine=False)",
    "ReLU()",
    "ReLU(inplace=True)",
    "ReLU6()",
    "Hardtanh(-0.2, 0.5)",
    "LeakyReLU(0.3)",
    "PReLU()",
    "PReLU(8)",
    "RReLU(0.1, 0.4)",
    "Threshold(0.1, -3)",
    "Hardshrink(0.2)",
    "Softshrink(0.2)",
    "Hardsigmoid()",
    "MaxPool2d(3, 2, 1)",
    "MaxPool2d(2, dilation=2, ceil_mode=True)",
    "AvgPool2d(2)",
    "AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)",
    "AvgPool2d((2, 3), divisor_override=4)",
    "AdaptiveAvgPool2d((3, None))",
    "Dropout(0.3)",
    "Dropout2d(0.3)",
    "Flatten()",
    "Flatten(0, 2)",
]
OWN = [
    "Conv2d(3, 4, 3, form='stencil')",
    "ReLU(frequencies=6, method='apx')",
    "PReLU(3, frequencies=2)",
    "MaxPool2d(2, frequencies=7, method='apx')",
    "GlobalAvgPool2d()",
]


def built(namespace, constructor):
    return eval(constructor, dict(vars(namespace)))


def settings(module):
    return {name: value for name, value in vars(module).items() if not name.startswith("_") or name == "_parameters"}


def randomised(module):
    generator = torch.Generator().manual_seed(0)
    for tensor in (*module.double().parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data.copy_(
                torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) - 0.4 * (tensor.dim() > 1)
            )
    return module


@pytest.fixture(params=[True, False], ids=["recording", "no_grad"])
def gradients(request):
    with torch.set_grad_enabled(request.param):
        yield request.param


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("constructor", SHARED)
@pytest.mark.usefixtures("gradients")
def test_from_spatial_takes_over_and_commutes(constructor):
    spatial = randomised(built(torch.nn, constructor)).eval()
    layer = getattr(nn, type(spatial).__name__).from_spatial(spatial)
    assert not layer.training
    assert list(layer.state_dict()) == list(spatial.state_dict())
    assert all(one is two for one, two in zip(layer.parameters(), spatial.parameters(), strict=True))
    assert all(one is two for one, two in zip(layer.buffers(), spatial.buffers(), strict=True))
    for extent in ((13, 11), (16, 24)):
        # A copy, since the module of torch may work in place.
        assert_commutes(layer, lambda x: spatial(x.clone()), extent, channels=8)
    assert nn.Conv2d.from_spatial(torch.nn.Conv2d(1, 1, 1).train()).training


@pytest.mark.parametrize("constructor", SHARED)
def test_constructors_are_torchs(constructor):
    layer, spatial = built(nn, constructor), built(torch.nn, constructor)
    assert isinstance(layer, type(spatial))
    assert [(name, value.shape) for name, value in layer.state_dict().items()] == [
        (name, value.shape) for name, value in spatial.state_dict().items()
    ]
    own = settings(layer)
    assert all(own[name] == value for name, value in settings(spatial).items() if name != "_parameters")


@pytest.mark.parametrize("constructor", [*SHARED, *OWN])
def test_repr_reproduces_the_constructor(constructor):
    layer = built(nn, constructor)
    again = built(nn, repr(layer))
    assert repr(again) == repr(layer)
    one, two = settings(layer), settings(again)
    shapes = [[p is None or p.shape for p in found.pop("_parameters").values()] for found in (one, two)]
    assert one == two
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("extent", [(16, 16), (13, 11)])
@pytest.mark.parametrize("constructor", [*SHARED, *OWN[1:2], "MaxPool2d(3, 2, frequencies=4)"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.usefixtures("gradients")
def test_layers_leave_their_input_alone(constructor, extent, training):
    x = encode(torch.randn(2, 8, *extent))
    kept = x.coefficients.clone()
    built(nn, constructor).train(training)(x)
    assert torch.equal(x.coefficients, kept)


@pytest.mark.parametrize(
    "constructor", [name for name in SHARED if not built(nn, name).on_pixels] + ["GlobalAvgPool2d()"]
)
def test_layers_without_a_form_on_pixels_refuse_them(constructor):
    layer = built(nn, constructor)
    with pytest.raises(
        InputError, match=r"takes an Activation, got Tensor: encode pixels with jpegdomain\.encode"
    ) as raised:
        layer(torch.zeros(1, 8, 16, 16))
    assert str(raised.value).startswith(str(layer))


def on_pixels():
    """Every layer that takes pixels, with every approximation that it has."""
    for name in SHARED:
        layer = built(nn, name)
        if layer.on_pixels:
            yield name, "asm", 15
        if isinstance(layer, nn.Piecewise | nn.MaxPool2d):
            yield from ((name, "asm", 6), (name, "apx", 6))


@pytest.mark.parametrize(("constructor", "method", "frequencies"), list(on_pixels()))
@pytest.mark.parametrize("extent", [(16, 24), (13, 21)])
def test_on_pixels_a_layer_is_itself_between_j_and_its_inverse(constructor, method, frequencies, extent):
    """L' = J̃∘L∘J on pixels, approximations included; in training with the same gradients."""
    layer = built(nn, constructor).double().train(constructor.startswith("BatchNorm"))
    if isinstance(layer, nn.Piecewise | nn.MaxPool2d):
        layer.method, layer.frequencies = method, frequencies
    pixels = torch.randn(2, 8, *extent, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    expected = decode(layer(encode(pixels)))
    torch.manual_seed(0)
    got = layer(pixels * 1)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    grads = [torch.autograd.grad((value * value.detach().cos()).sum(), pixels)[0] for value in (expected, got)]
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-9)


def test_dropout():
    x = encode(torch.randn(4, 16, 13, 9, dtype=torch.float64))
    pixels, layer = decode(x), nn.Dropout(0.25)
    assert layer.eval()(x) is x
    for recording in (True, False):
        with torch.set_grad_enabled(recording):
            ratio = decode(layer.train()(x)) / pixels
        kept = ratio.abs() > 1e-9
        torch.testing.assert_close(ratio[kept], torch.full_like(ratio[kept], 4 / 3), rtol=1e-9, atol=0)
        assert kept.double().mean().item() == pytest.approx(0.75, abs=0.05)


def test_dropout2d():
    x = encode(torch.randn(4, 16, 13, 9, dtype=torch.float64))
    pixels, layer = decode(x), nn.Dropout2d(0.25)
    torch.testing.assert_close(decode(layer.eval()(x)), pixels, rtol=0, atol=0)
    ratio = decode(layer.train()(x)) / pixels
    channels = ratio.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(ratio, channels.expand_as(ratio), rtol=1e-9, atol=1e-9)
    dropped = channels.abs() < 1e-9
    assert 0 < dropped.double().mean().item() < 0.6
    torch.testing.assert_close(channels[~dropped], torch.full_like(channels[~dropped], 4 / 3))


def test_pointwise_and_calls():
    assert_commutes(nn.Pointwise(torch.nn.GELU()), torch.nn.functional.gelu, (13, 9), channels=8)
    assert_commutes(lambda x: nn.Call(add)(x, x, alpha=2), lambda x: 3 * x, (13, 9))
    assert (nn.Call(add).returns, nn.Call(add, "pixels").returns) == ("transform", "pixels")
    assert repr(nn.Call(add)) == "Call(add)"


@pytest.mark.parametrize("extent", [(16, 8), (13, 9)])
@pytest.mark.parametrize("constructor", ["BatchNorm2d(8)", "ReLU()", "LeakyReLU(frequencies=5)"])
@pytest.mark.parametrize(("inplace", "recording"), [(True, False), (False, False), (True, True)])
def test_an_input_is_overwritten_only_if_requested_and_without_gradients(constructor, extent, inplace, recording):
    producer, layer = nn.Conv2d(8, 8, 1), built(nn, constructor).eval()
    with torch.set_grad_enabled(recording):
        x = producer(encode(torch.randn(2, 8, *extent)))
        kept, expected = x.coefficients.clone(), layer(x).coefficients
        torch.testing.assert_close(layer(x, inplace=inplace).coefficients, expected)
        if recording or not inplace:
            assert torch.equal(x.coefficients, kept)


def test_layers_copy_and_pickle():
    layer = nn.Conv2d(3, 2, 3, form="stencil").eval()
    x = encode(torch.randn(1, 3, 9, 9))
    with torch.no_grad():
        expected = layer(x).coefficients
        fresh = len(pickle.dumps(nn.Conv2d(3, 2, 3, form="stencil").eval()))
        assert abs(len(pickle.dumps(layer)) - fresh) < 200
        for same in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert torch.equal(same(x).coefficients, expected)
