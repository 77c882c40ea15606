"""The transforms as operators in the graphs of torch.compile."""

import pytest
import torch
from torch._subclasses import FakeTensorMode

from jpegdomain import Activation
from jpegdomain.functional import apx_relu, asm_relu, constant_image, cut, decode, encode
from jpegdomain.geometry import Extent
from jpegdomain.transform import graph
from jpegdomain.transform.reference import basis


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from torch's own code, in opcheck
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("requires_grad", [False, True])
def test_the_operators_keep_torchs_rules(requires_grad):
    pixels = random(2, 9, 9, 16).requires_grad_(requires_grad)
    coefficients = random(2, 9, 16, 16).requires_grad_(requires_grad)
    deciding = random(2, 9, 16, 16, seed=1)
    torch.library.opcheck(graph.to_coefficients, (pixels,))
    torch.library.opcheck(graph.from_coefficients, (coefficients, 9, 16, 6))
    torch.library.opcheck(graph.clamped, (coefficients, deciding, 9, 16, [0.0, 2.0, -1.0, 1.0], 6))


def network(x, frequencies):
    activation = asm_relu(encode(x), frequencies)
    activation = apx_relu(Activation(activation.coefficients * 1.5, activation.extent), frequencies)
    return decode(activation, frequencies=frequencies)


@pytest.mark.parametrize("frequencies", [15, 6])
@pytest.mark.parametrize(("channels", "dtype"), [(8, torch.float64), (3, torch.float64), (8, torch.bfloat16)])
def test_a_compiled_graph_computes_the_same(frequencies, channels, dtype):
    torch.compiler.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(str(graph.graph))
        return torch._dynamo.lookup_backend("aot_eager")(graph, inputs)

    compiled = torch.compile(network, fullgraph=True, backend=backend)
    x = random(2, channels, 9, 13).to(dtype).requires_grad_()
    expected = network(x, frequencies)
    found = compiled(x, frequencies)
    tolerance = {"atol": 1e-12, "rtol": 0} if dtype == torch.float64 else {"atol": 0.2, "rtol": 0}
    torch.testing.assert_close(found, expected, **tolerance)
    weight = random(*expected.shape, seed=2).to(dtype)
    (gradient,) = torch.autograd.grad((expected * weight).sum(), x)
    (compiled_gradient,) = torch.autograd.grad((found * weight).sum(), x)
    torch.testing.assert_close(compiled_gradient, gradient, **tolerance)
    assert ("jpegdomain.to_coefficients" in graphs[0]) == (channels == 8 and dtype == torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x.detach(), frequencies), expected, **tolerance)


def test_constants_are_never_fake():
    key = torch.float16, torch.device("cpu")
    with FakeTensorMode():
        assert type(basis(*key)) is not torch.Tensor
        decode(encode(torch.empty(1, 8, 9, 9, dtype=torch.float16)), frequencies=5)
        constant_image(Extent(9, 9), dtype=torch.float16)
        cut(torch.empty(1, 8, 16, 16, dtype=torch.float16), Extent(9, 9))
    assert type(basis(*key)) is torch.Tensor
    x = random(1, 8, 9, 9).half()
    for result in (
        decode(encode(x), frequencies=5),
        constant_image(Extent(9, 9), dtype=torch.float16),
        cut(encode(x).coefficients, Extent(9, 9)),
    ):
        assert type(result) is torch.Tensor


def test_export_has_torchs_own_operations_only():
    if not hasattr(torch.compiler, "_is_exporting_flag"):
        pytest.skip("this torch does not tell export from compile")

    class Network(torch.nn.Module):
        def forward(self, x):
            return network(x, 6)

    x = random(2, 8, 9, 13)
    exported = torch.export.export(Network(), (x,))
    assert "jpegdomain" not in str(exported.graph)
    torch.testing.assert_close(exported.module()(x), network(x, 6), atol=1e-12, rtol=0)
