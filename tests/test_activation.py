"""The activation: a feature map's shape in pixels, its tensor in coefficients."""

import pytest
import torch

from jpegdomain import Activation, encode
from jpegdomain.errors import ExtentMismatchError
from jpegdomain.geometry import Extent


def test_an_activation_answers_as_its_pixels_would():
    pixels = torch.randn(2, 3, 13, 9)
    x = encode(pixels)
    assert x.coefficients.shape == (2, 3, 16, 16)
    assert x.shape == pixels.shape
    assert isinstance(x.shape, torch.Size)
    assert x.size() == pixels.size()
    assert [x.size(dim) for dim in (0, 1, 2, -1)] == [2, 3, 13, 9]
    assert (x.dim(), x.ndim, len(x)) == (4, 4, 2)
    assert (x.dtype, x.device) == (pixels.dtype, pixels.device)
    assert repr(x) == "Activation(shape=(2, 3, 13, 9), dtype=torch.float32, device=cpu)"


def test_it_moves_and_casts():
    x = encode(torch.randn(1, 1, 7, 7))
    cast = x.to(torch.float64)
    assert (cast.dtype, cast.extent) == (torch.float64, x.extent)
    assert x.to("meta").device.type == "meta"


@pytest.mark.parametrize("name", ["extent", "axes", "shape", "frequencies", "method"])
def test_its_shape_and_options_cannot_be_changed(name):
    x = encode(torch.randn(1, 1, 7, 7))
    with pytest.raises(AttributeError):
        setattr(x, name, None)


def test_the_extent_may_be_any_pair():
    assert Activation(torch.zeros(1, 1, 8, 16), (8, 9)).extent == Extent(8, 9)
    assert isinstance(Activation(torch.zeros(1, 1, 8, 16), (8, 9)).extent, Extent)


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (1, 1, 16, 24), (16,), (16, 16, 1)])
def test_coefficients_lie_on_the_extents_blocks(shape):
    with pytest.raises(ExtentMismatchError, match=r"coefficients of extent 13×9 need the size \(16, 16\)"):
        Activation(torch.zeros(shape), Extent(13, 9))


def test_it_has_every_method_of_a_tensor():
    missing = {name for name in dir(torch.Tensor) if not name.startswith("_") and not hasattr(Activation, name)}
    assert missing == set()
