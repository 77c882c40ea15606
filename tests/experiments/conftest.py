"""Small networks trained by `experiments.frequency_channels`, for what is done with such networks."""

import numpy as np
import pytest

from experiments.frequency_channels import run as training
from tests.codec.oracle import jpeg

VARIANTS = ("RGB", "24S+noise-4", "learned-24")


def picture(label, number, side=40):
    """Smooth colours within 40…215, so that no decoder clips: one way or the other by label."""
    y, x = np.mgrid[:side, :side]
    wave = np.sin((x if label else y) / (2 + number / 4) + number)
    colours = np.array([50, 30, -40]) * wave[..., None] + np.array([0, 10, -20]) * np.cos((x + y) / 9)[..., None]
    return np.clip(128 + colours, 40, 215).astype(np.uint8)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Files of both samplings, and networks trained on them, with their report."""
    root = tmp_path_factory.mktemp("costs")
    for split, count in (("train", 6), ("val", 5)):
        for label, name in enumerate("ab"):
            (root / "data" / split / name).mkdir(parents=True)
            for number in range(count):
                data = jpeg(picture(label, number), quality=80, subsampling=2 * (number % 2))
                (root / "data" / split / name / f"{number}.jpg").write_bytes(data)
    given = ["--data", str(root / "data"), "--model", "resnet10", "--variants", *VARIANTS, "--seeds", "1"]
    given += ["--side", "16", "--short", "16", "--epochs", "1", "--batch", "6", "--precision", "float32"]
    training.main([*given, "--threads", "1", "--weights", str(root / "weights"), "--output", str(root / "t.json")])
    return root
