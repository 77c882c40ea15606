"""The layers' own settings: what is refused, with which message, and how the plan names them."""

import pytest
import torch

from jpegdomain import nn
from jpegdomain.errors import UnsupportedFoldError
from jpegdomain.nn.costs import cost


def test_spatial_settings_are_copied_and_own_ones_set():
    layer = nn.ReLU.from_spatial(torch.nn.ReLU(), frequencies=4, method="apx")
    assert (layer.frequencies, layer.method) == (4, "apx")
    assert nn.Conv2d.from_spatial(torch.nn.Conv2d(1, 1, 3), form="dense").form == "dense"
    defaults = nn.MaxPool2d.from_spatial(torch.nn.MaxPool2d(2))
    assert (defaults.frequencies, defaults.method) == (15, "asm")
    assert nn.Conv2d.from_spatial(torch.nn.Conv2d(1, 1, 3)).form == "auto"


@pytest.mark.parametrize("name", ["ReLU", "PReLU", "MaxPool2d"])
@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("frequencies", 0, "frequencies must be an integer, 1…15, got 0"),
        ("frequencies", 16, "frequencies must be an integer, 1…15, got 16"),
        ("frequencies", 2.0, "frequencies must be an integer, 1…15, got 2.0"),
        ("method", "exact", "method must be 'asm' or 'apx', got 'exact'"),
    ],
)
def test_wrong_masking_settings(name, setting, value, message):
    arguments = (2,) if name == "MaxPool2d" else ()
    layer, spatial = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    for attempt in (
        lambda: type(layer)(*arguments, **{setting: value}),
        lambda: type(layer).from_spatial(spatial, **{setting: value}),
        lambda: setattr(layer, setting, value),
    ):
        with pytest.raises(ValueError, match=message):
            attempt()


def test_wrong_forms():
    for attempt in (
        lambda: nn.Conv2d(1, 1, 3, form="sparse"),
        lambda: nn.Conv2d.from_spatial(torch.nn.Conv2d(1, 1, 3), form="sparse"),
        lambda: setattr(nn.Conv2d(1, 1, 3), "form", "sparse"),
    ):
        with pytest.raises(
            UnsupportedFoldError, match="form must be 'auto' or one of dense, stencil, factored; got 'sparse'"
        ):
            attempt()
    for form in ("dense", "stencil"):
        with pytest.raises(
            UnsupportedFoldError, match=f"padding_mode='reflect' has no {form} form: use form='factored'"
        ):
            nn.Conv2d(1, 1, 3, padding_mode="reflect", form=form)


@pytest.mark.parametrize(
    ("layer", "form", "flops", "moved"),
    [
        (nn.Conv2d(8, 8, 1), "direct", 65536, 33024),
        (nn.Conv2d(8, 8, 3, form="factored"), "factored", 374016, 113024),
        (nn.Conv2d(8, 8, 3, form="stencil"), "stencil", 8388608, 4268032),
        (nn.ReLU(), "exact", 270336, 163840),
        (nn.ReLU(frequencies=6), "asm 6", 401408, 229376),
        (nn.MaxPool2d(2, frequencies=3, method="apx"), "apx 3", 270336, 163840),
        (nn.BatchNorm2d(8), "direct", 0, 32768),
        (nn.GlobalAvgPool2d(), "DC", 0, 256),
        (nn.AvgPool2d(2), "factored", 131072, 65536),
        (nn.Pointwise(nn.Dropout()), "island", 270336, 163840),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else None,
)
def test_costs(layer, form, flops, moved):
    """Two images with 8 channels of 13×9 pixels in float32 have 4096 coefficients, so J or J̃ takes 131072
    operations."""
    named, price = cost(layer.eval(), (2, 8, 13, 9), 4)
    assert (named, price.flops, price.moved) == (form, flops, moved)
