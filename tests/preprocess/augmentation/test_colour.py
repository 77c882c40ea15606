"""Brightness, contrast, saturation against ``torchvision.transforms.v2.functional`` where it clamps nothing."""

import pytest
import torch
from torchvision.transforms.v2 import functional as F

import jpegdomain as jd
from jpegdomain.errors import InputError
from jpegdomain.preprocess import augmentation
from jpegdomain.testing import assert_commutes

PAIRS = [
    (augmentation.adjust_brightness, F.adjust_brightness),
    (augmentation.adjust_contrast, F.adjust_contrast),
    (augmentation.adjust_saturation, F.adjust_saturation),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
def test_torchvision_inside_its_range(ours, theirs, channels, factor):
    inside = 0.4 + 0.2 * torch.rand(2, channels, 13, 21, dtype=torch.float64)
    torch.testing.assert_close(jd.decode(ours(jd.encode(inside), factor)), theirs(inside, factor), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_only_clamping_differs(ours, theirs):
    image = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    result = jd.decode(ours(jd.encode(image), 2.5))
    assert result.max() > 1.1
    torch.testing.assert_close(result.clamp(0, 1), theirs(image, 2.5), rtol=0, atol=1e-12)
    assert ours.exactness == "approximate (no clamping)"


@pytest.mark.parametrize("ours", [pair[0] for pair in PAIRS])
def test_partial_blocks_stay_empty_outside(ours):
    factors = torch.tensor([0.3, 1.7], dtype=torch.float64)

    def one_by_one(pixels):
        return torch.cat([jd.decode(ours(jd.encode(x[None]), f.item())) for x, f in zip(pixels, factors, strict=True)])

    assert_commutes(lambda x: ours(x, factors), one_by_one, (9, 20))


def test_other_numbers_are_refused():
    x = jd.encode(torch.rand(2, 3, 8, 8))
    with pytest.raises(InputError, match="one for each of 2 images, got 3"):
        augmentation.adjust_brightness(x, torch.ones(3))
    with pytest.raises(InputError, match="1 or 3 channels, got 2"):
        augmentation.adjust_saturation(jd.encode(torch.rand(2, 2, 8, 8)), 0.5)
