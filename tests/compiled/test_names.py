"""The linker knows functions by their names, whichever process compiled them: no two may share one."""

import pytest

from jpegdomain.compiled.jit import compiled, inlined

from .processes import outcome, process

# Every transform from the caches of two processes; each result is compared with the definition.
BOTH = """
import sys, torch
import jpegdomain as jd
torch.manual_seed(0)
k = torch.arange(8, dtype=torch.float64)
basis = torch.cos(torch.outer(k, 2 * k + 1) * torch.pi / 16) / 2
basis[0] /= 2**0.5
for name in sys.argv[1:]:
    dtype = getattr(torch, name)
    pixels = torch.randn(2, 32, 16, 24, dtype=dtype)
    tiles = pixels.double().reshape(2, 32, 2, 8, 3, 8)
    wanted = torch.einsum("ui,ncyixj,vj->ncyuxv", basis, tiles, basis).reshape(2, 32, 16, 24)
    print((jd.encode(pixels).coefficients.double() - wanted).abs().max().item() < 1e-5)
    print((jd.decode(jd.encode(pixels)) - pixels).abs().max().item() < 1e-5)
"""


def _make(name):
    def function(a):
        return a

    if name is not None:
        function.__qualname__ = name
    return function


@pytest.mark.parametrize("mark", [compiled, inlined])
def test_a_function_of_a_factory_needs_a_name(mark):
    with pytest.raises(ValueError, match=r"needs a __qualname__ of its own, got tests\.compiled\.test_names\._make"):
        mark(_make(None))
    mark(_make(f"named_{mark.__name__}"))
    with pytest.raises(ValueError, match=r"of its own, got tests\.compiled\.test_names\.named"):
        mark(_make(f"named_{mark.__name__}"))


@pytest.mark.slow
def test_transforms_that_two_processes_compiled_live_together(tmp_path):
    for names in (["float32"], ["float64"], ["float32", "float64"], ["float64", "float32"]):
        printed, _ = outcome(process("-c", BOTH, *names, JPEGDOMAIN_CACHE=tmp_path))
        assert printed.split() == ["True"] * 2 * len(names)
