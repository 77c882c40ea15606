"""Transforms against ``torchvision.transforms.v2`` on random float64 images, drawn with the same seed."""

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode, v2

from jpegdomain import preprocess as ours
from jpegdomain.errors import ExtentMismatchError, InputError

EXTENTS = [(37, 53), (53, 37), (64, 64), (8, 9), (1, 1), (300, 211)]
BICUBIC = InterpolationMode.BICUBIC


def image(extent, seed=0):
    return 255 * torch.rand(3, *extent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(axis):
    """One entry at a time."""
    result = np.zeros((axis.out, axis.size))
    for o in range(axis.out):
        result[o, axis.starts[o] : axis.starts[o] + axis.taps] = axis.weights[o]
    return result


def placed(placement, pixels):
    """A_h·I·A_wᵀ + fills, with dense matrices."""
    rows, columns = dense(placement.rows), dense(placement.columns)
    result = rows @ pixels.numpy() @ columns.T
    for fill in placement.fills:
        levels = np.broadcast_to(np.array(fill.levels), (3,))
        result += levels[:, None, None] * np.outer(fill.rows, fill.columns)
    return result


PAIRS = {
    "short side": lambda m: m.Resize(24),
    "short side in a list": lambda m: m.Resize([24]),
    "exact": lambda m: m.Resize((31, 17)),
    "larger": lambda m: m.Resize((331, 217)),
    "long side": lambda m: m.Resize(24, max_size=27),
    "max_size alone": lambda m: m.Resize(None, max_size=90),
    "bicubic": lambda m: m.Resize((31, 17), interpolation=BICUBIC),
    "bicubic, larger": lambda m: m.Resize((331, 217), interpolation=BICUBIC),
    "not smoothed": lambda m: m.Resize((31, 17), antialias=False),
    "not smoothed, larger": lambda m: m.Resize((331, 217), antialias=None),
    "bicubic, not smoothed": lambda m: m.Resize((31, 117), interpolation=BICUBIC, antialias=False),
    "centre": lambda m: m.CenterCrop(29),
    "centre, odd": lambda m: m.CenterCrop((30, 52)),
    "centre of more than there is": lambda m: m.CenterCrop([90]),
    "pad": lambda m: m.Pad(3),
    "pad two": lambda m: m.Pad((3, 5), fill=17),
    "pad four": lambda m: m.Pad((1, 2, 3, 4), fill=(1, 2, 3)),
    "pad with the edge": lambda m: m.Pad((1, 2, 3, 4), padding_mode="edge"),
    "crop by padding": lambda m: m.Pad((-1, 2, 0, 0), fill=9),
    "random crop": lambda m: m.RandomCrop((20, 30), pad_if_needed=True, fill=7),
    "random crop, padded": lambda m: m.RandomCrop(32, padding=30, fill=(3, 2, 1)),
    "random resized crop": lambda m: m.RandomResizedCrop(24),
    "random resized crop, bicubic": lambda m: m.RandomResizedCrop((24, 31), (0.2, 0.9), (0.5, 1), BICUBIC),
    "its fallback": lambda m: m.RandomResizedCrop(24, scale=(0.9, 1.0), ratio=(6, 7)),
    "its other fallback": lambda m: m.RandomResizedCrop(24, scale=(0.9, 1.0), ratio=(0.1, 0.2)),
    "left and right": lambda m: m.RandomHorizontalFlip(),
    "upside down": lambda m: m.RandomVerticalFlip(0.9),
    "never": lambda m: m.RandomHorizontalFlip(0),
    "evaluation": lambda m: m.Compose([m.Resize(32), m.CenterCrop(28)]),
    "training": lambda m: m.Compose([m.RandomResizedCrop(28), m.RandomHorizontalFlip(), m.Pad(2, fill=(9, 8, 7))]),
    "padded, then resized twice": lambda m: m.Compose(
        [m.Pad(4, fill=200), m.Resize((20, 40)), m.Pad(1, fill=(1, 2, 3)), m.Resize(50), m.CenterCrop(60)]
    ),
}

NOT_OF_ONE_PIXEL = {"crop by padding", "its fallback", "its other fallback"}
"""Nothing would be left of it."""


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_a_transform_is_torchvisions(name, extent):
    if extent == (1, 1) and name in NOT_OF_ONE_PIXEL:
        extent = (9, 9)
    theirs, mine = PAIRS[name](v2), PAIRS[name](ours)
    for seed in range(3 if mine.random else 1):
        pixels = image(extent, seed)
        torch.manual_seed(seed)
        expected = theirs(pixels)
        torch.manual_seed(seed)
        placement = mine(extent)
        assert placement.extent == expected.shape[1:]
        assert placement.source == extent
        np.testing.assert_allclose(placed(placement, pixels), expected.numpy(), atol=1e-9)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_reflections(mode):
    pixels = image((9, 12))
    placement = ours.Pad((1, 2, 3, 4), padding_mode=mode)((9, 12))
    expected = v2.Pad((1, 2, 3, 4), padding_mode=mode)(pixels)
    np.testing.assert_allclose(placed(placement, pixels), expected.numpy(), atol=1e-12)


def test_a_generator_gives_the_same_draws():
    steps = ours.Compose([ours.RandomResizedCrop(28), ours.RandomHorizontalFlip(), ours.RandomCrop(20)])
    torch.manual_seed(5)
    one = steps((90, 80))
    two = steps((90, 80), torch.Generator().manual_seed(5))
    three = steps((90, 80), torch.Generator().manual_seed(6))
    np.testing.assert_array_equal(one.rows.dense(), two.rows.dense())
    np.testing.assert_array_equal(one.columns.dense(), two.columns.dense())
    assert (one.rows.dense() != three.rows.dense()).any()


def test_the_repr_recreates_the_transform():
    steps = ours.Compose(
        [
            ours.Resize(256, interpolation=BICUBIC),
            ours.CenterCrop(224),
            ours.RandomResizedCrop(24),
            ours.RandomHorizontalFlip(),
            ours.RandomVerticalFlip(0.25),
            ours.RandomCrop(20, padding=(1, 2)),
            ours.Pad(1, fill=(1, 2, 3)),
        ]
    )
    assert repr(eval(repr(steps), vars(ours))) == repr(steps)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ours.Resize(None), "needs max_size"),
        (lambda: ours.Resize((1, 2, 3)), "short side"),
        (lambda: ours.Resize((1, 2), max_size=3), "only with the short side"),
        (lambda: ours.Resize(24, max_size=24), "must be more"),
        (lambda: ours.Resize(24, InterpolationMode.NEAREST), "NEAREST"),
        (lambda: ours.Resize(24, "lanczos"), "lanczos"),
        (lambda: ours.CenterCrop((1, 2, 3)), "both sides"),
        (lambda: ours.Pad((1, 2, 3)), "1, 2 or 4 numbers"),
        (lambda: ours.Pad(1, fill=(1, 2)), "R, G and B"),
        (lambda: ours.RandomHorizontalFlip(1.5), "probability"),
        (lambda: ours.RandomResizedCrop(24, scale=(1.0, 0.5)), "scale"),
    ],
)
def test_settings_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_steps_that_cannot_be_applied_are_named():
    with pytest.raises(ExtentMismatchError, match="pad_if_needed"):
        ours.RandomCrop(32)((30, 40))
    with pytest.raises(InputError, match="from_torchvision"):
        ours.Compose([v2.Resize(24)])
