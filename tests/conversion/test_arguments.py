"""Further arguments of a model's forward, and what their defaults decide."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import jpegdomain as jd

from .models import nets

FORWARDS = {
    "asks for None": lambda self, x, mask=None: F.relu(self.conv(x)) if mask is None else self.conv(x) * mask,
    "asks for not None": lambda self, x, mask=None: self.conv(x) * 2 if mask is not None else F.relu(self.conv(x)),
    "a flag": lambda self, x, mask=False: (self.conv(x) * 2, x) if mask else F.relu(self.conv(x)),
    "a word": lambda self, x, mask="relu": F.relu(self.conv(x)) if mask == "relu" else self.conv(x),
    "the name with a number": lambda self, x, mask_1=2, mask=None: self.conv(x) * mask_1 if mask is None else x,
}


@pytest.mark.parametrize("plan", ["transform", "fused"])
@pytest.mark.parametrize("name", FORWARDS)
def test_values_other_than_the_default_run_the_sources_other_branch(name, plan):
    model = nets(FORWARDS[name], conv=nn.Conv2d(3, 4, 3)).double().eval()
    converted = jd.convert(model, plan=plan)
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    expected = model(pixels)
    for result in (converted(jd.encode(pixels)), converted(x=jd.encode(pixels))):
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    other = torch.full((), 3.0) if "None" in name or "number" in name else 3
    expected = model(pixels, mask=other)
    for result in (converted(jd.encode(pixels), mask=other), converted(x=jd.encode(pixels), mask=other)):
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("plan", ["transform", "fused"])
def test_arguments_that_decide_nothing_stay_free(plan):
    def forward(self, x, size=None, scale=None, factor=1.5):
        return F.interpolate(self.conv(x), size=size, scale_factor=scale) * factor

    model = nets(forward, conv=nn.Conv2d(3, 4, 3)).double().eval()
    converted = jd.convert(model, plan=plan)
    pixels = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    for given in (dict(size=(9, 7)), dict(scale=2), dict(size=5, factor=-1.0)):
        result = converted(jd.encode(pixels), **given)
        decoded = result if isinstance(result, torch.Tensor) else jd.decode(result)
        torch.testing.assert_close(decoded, model(pixels, **given), rtol=1e-9, atol=1e-9)
