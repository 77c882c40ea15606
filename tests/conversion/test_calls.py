"""What models compute between their layers, and what they write in place."""

import operator

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import jpegdomain as jd

from .models import agrees, nets


def test_shortcut_option_a_with_a_kernel_size_read_at_run_time():
    def forward(self, x):
        y = F.relu(self.conv(x))
        x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3), "constant", 0)
        y = F.relu(y + x)
        y = F.avg_pool2d(y, y.size()[3])
        return self.fc(y.view(y.size(0), -1))

    model = nets(forward, conv=nn.Conv2d(3, 8, 3, 2, 1), fc=nn.Linear(8, 5))
    assert agrees(model, shape=(2, 3, 20, 20))


CALLS = {
    "add_ method": lambda self, x: self.conv(x).add_(self.conv(x)),
    "iadd": lambda self, x: operator.iadd(self.conv(x), self.conv(x)),
    "add with alpha": lambda self, x: torch.add(self.conv(x), self.conv(x), alpha=0.3),
    "add a constant": lambda self, x: self.conv(x) + 0.7,
    "radd": lambda self, x: 0.7 + self.conv(x),
    "scale": lambda self, x: self.conv(x) * 2.5,
    "cat": lambda self, x: torch.cat([self.conv(x), x], 1),
    "cat of pixels": lambda self, x: torch.cat([x, x], dim=3),
    "channel slice": lambda self, x: self.conv(x)[:, 2:5],
    "crop": lambda self, x: x[:, :, 3:17, 2:],
    "batch slice": lambda self, x: x[1:],
    "channel padding": lambda self, x: F.pad(x, (0, 0, 0, 0, 1, 2)),
    "pixel padding": lambda self, x: F.pad(x, (1, 2, 3, 0), value=0.5),
    "reflection": lambda self, x: F.pad(x, (1, 2, 3, 0), mode="reflect"),
    "relu6": lambda self, x: F.relu6(4 * self.conv(x)),
    "leaky_relu": lambda self, x: F.leaky_relu(self.conv(x), 0.2),
    "hardtanh": lambda self, x: F.hardtanh(self.conv(x), -0.1, 0.2),
    "relu method": lambda self, x: self.conv(x).relu(),
    "sigmoid": lambda self, x: torch.sigmoid(self.conv(x)),
    "silu": lambda self, x: F.silu(self.conv(x)),
    "max_pool2d": lambda self, x: F.max_pool2d(self.conv(x), 3, stride=2, padding=1, ceil_mode=True),
    "avg_pool2d": lambda self, x: F.avg_pool2d(self.conv(x), 3, 2, 1, count_include_pad=False),
    "adaptive pool": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), (3, 2)),
    "global pool": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), 1),
    "mean": lambda self, x: self.conv(x).mean([2, 3]),
    "mean keepdim": lambda self, x: self.conv(x).mean((-1, -2), keepdim=True),
    "squeeze and excite": lambda self, x: self.conv(x) * torch.sigmoid(F.adaptive_avg_pool2d(self.conv(x), 1)),
    "conv2d call": lambda self, x: F.conv2d(x, self.conv.weight, self.conv.bias, stride=2, padding=1),
    "flatten": lambda self, x: torch.flatten(self.conv(x), 1),
    "reshape by shape": lambda self, x: self.conv(x).reshape(x.shape[0], -1),
    "dropout": lambda self, x: F.dropout(self.conv(x), 0.5, self.training),
    "conv by keyword": lambda self, x: self.conv(input=x),
    "functions by keyword": lambda self, x: torch.flatten(input=F.avg_pool2d(input=F.relu(input=x), kernel_size=2)),
    "arithmetic by keyword": lambda self, x: torch.add(input=torch.mul(input=x, other=2.0), other=x),
    "subtraction": lambda self, x: 1 - (self.conv(x) - 0.3) / 3,
    "negation": lambda self, x: -self.conv(x),
    "quotient of maps": lambda self, x: 1 / (2 + x * x),
    "power": lambda self, x: self.conv(x) ** 2,
    "gelu": lambda self, x: F.gelu(self.conv(x), approximate="tanh"),
    "elu": lambda self, x: F.elu(self.conv(x), 0.7),
    "clamp": lambda self, x: self.conv(x).clamp(min=-0.1).clamp(max=0.2),
    "shrink": lambda self, x: F.softshrink(F.hardshrink(self.conv(x), 0.1), 0.05),
    "threshold": lambda self, x: F.threshold(self.conv(x), 0.1, -0.3),
    "adaptive pool of one axis": lambda self, x: F.adaptive_avg_pool2d(self.conv(x), (None, 2)),
    "tuple of outputs": lambda self, x: (self.conv(x).mean([2, 3]), self.conv(x).flatten(1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_models_do_between_their_layers(name):
    torch.manual_seed(0)
    model = nets(CALLS[name], conv=nn.Conv2d(3, 6, 3, 1, 1)).double().eval()
    converted = jd.convert(model)
    pixels = torch.randn(2, 3, 19, 21, dtype=torch.float64)
    with torch.no_grad():
        expected, result = model(pixels), converted(jd.encode(pixels))
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (result, expected)), strict=True):
        a = jd.decode(a) if isinstance(a, jd.Activation) else a
        assert a.shape == b.shape
        assert (a - b).abs().max() <= 1e-9 * b.abs().max()


def written(write, read=lambda self, y, z: y + 2):
    """A network that writes to y in place and reads y afterwards."""

    def forward(self, x):
        y = self.conv(x)
        z = write(self, y)
        return read(self, y, z).mean([2, 3])

    drops = dict(drop=nn.Dropout(0.5), alpha=nn.AlphaDropout(0.5), depth=torchvision.ops.StochasticDepth(0.5, "row"))
    return nets(forward, conv=nn.Conv2d(3, 4, 3), relu=nn.ReLU(inplace=True), **drops)


WRITES = {
    "module": lambda self, y: self.relu(y),
    "module by keyword": lambda self, y: self.relu(input=y),
    "function": lambda self, y: F.relu(y, inplace=True),
    "function_": lambda self, y: F.relu_(y),
    "torch function_": lambda self, y: torch.relu_(y),
    "method": lambda self, y: y.add_(0.5),
    "iadd": lambda self, y: operator.iadd(y, 0.5),
    "imul": lambda self, y: operator.imul(y, -0.5),
}


@pytest.mark.parametrize("name", WRITES)
def test_later_readers_see_what_was_written_in_place(name):
    torch.manual_seed(0)
    assert agrees(written(WRITES[name]))
    assert agrees(written(WRITES[name], lambda self, y, z: y + 2 * z))


@pytest.mark.parametrize(
    "write",
    [
        lambda self, y: self.relu(self.drop(y)),
        lambda self, y: self.relu(y[:, :3]),
        lambda self, y: self.relu(y.contiguous()),
        lambda self, y: self.relu(self.alpha(y)),
        lambda self, y: self.relu(self.depth(y)),
        lambda self, y: operator.iadd(y.flatten(2), 1)[..., None],
        lambda self, y: operator.iadd(y.view(y.size(0), -1), 1)[..., None, None],
    ],
    ids=["dropout", "slice", "contiguous", "alpha dropout", "stochastic depth", "flatten", "view"],
)
def test_writing_under_another_name_is_what_the_source_does(write):
    torch.manual_seed(0)
    for plan in ("transform", "fused"):
        for model in (written(write), written(write, lambda self, y, z: z)):
            model = model.double().eval()
            assert agrees(model, jd.convert(model, plan=plan))


def test_augmented_assignment_reaches_every_name_of_the_tensor():
    def forward(self, x):
        y = self.conv(x)
        z = y
        y += 1
        z *= 2
        return y.mean([2, 3])

    torch.manual_seed(0)
    assert agrees(nets(forward, conv=nn.Conv2d(3, 4, 3)))


def test_one_module_may_be_called_many_times_and_be_in_two_places():
    def forward(self, x):
        return self.pool(self.act(self.b(self.act(self.a(x))))).flatten(1)

    conv = nn.Conv2d(3, 3, 3, padding=1)
    model = nets(forward, a=conv, b=conv, act=nn.LeakyReLU(0.3), pool=nn.AdaptiveAvgPool2d(1))
    converted = jd.convert(model.double().eval())
    assert converted.a is converted.b
    assert agrees(model, converted)


def test_a_module_may_be_called_on_maps_and_on_vectors():
    model = nets(lambda self, x: self.fc(self.act(self.act(x).mean([2, 3]))), act=nn.ReLU(), fc=nn.Linear(3, 2))
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert agrees(model, converted.double())
    model = nets(lambda self, x: self.act(self.act(x).mean([2, 3])), act=nn.PReLU()).double()
    converted = jd.convert(model)
    assert agrees(model, converted)
    with torch.no_grad():
        model.act.weight.fill_(0.7)
        converted.act.weight.fill_(0.7)
    assert agrees(model, converted)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_other_padding_modes_run_exactly(mode):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode=mode), nn.AdaptiveAvgPool2d(1))
    assert agrees(model)
    with pytest.raises(ValueError, match=f"padding_mode='{mode}' has no stencil form"):
        jd.convert(model, form="stencil")


def test_parameters_outside_layers_are_kept():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(1, 3, 1, 1))
            self.register_buffer("offset", torch.rand(1, 3, 1, 1))
            self.unused = nn.Linear(2, 2)
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return self.conv(x * self.scale + self.offset).mean([2, 3])

    model = Net()
    converted = jd.convert(model)
    assert list(converted.state_dict()) == list(model.state_dict())
    assert agrees(model, converted.double())


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_a_view_turns_features_into_vectors(plan):
    """Feature maps are channels-last here, and channels and pixels cannot be merged without a copy."""
    net = nets(
        lambda self, x: self.head(F.relu(self.conv(x)).view(x.size(0), -1)),
        conv=nn.Conv2d(3, 4, 3),
        head=nn.Linear(4 * 17 * 19, 5),
    ).double()
    assert agrees(net, jd.convert(net.eval(), plan=plan))


def test_the_plan_says_that_no_usual_size_ran_through_the_model():
    def network(side):
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * side * side, 2))

    said = "domains chosen without sizes"
    assert said in str(jd.convert(network(40).eval()).plan((40, 40)))
    assert said not in str(jd.convert(network(32).eval()).plan((32, 32)))
