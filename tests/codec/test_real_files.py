"""Real photographs, where JPEGDOMAIN_DATA names a folder with imagenet-samples/."""

import os
from pathlib import Path

import numpy as np
import pytest

from jpegdomain.codec import read_jpeg

from .oracle import decoded, pillow


@pytest.mark.shared
def test_photographs_decode_as_in_pillow():
    paths = sorted(Path(os.environ["JPEGDOMAIN_DATA"], "imagenet-samples").glob("*.JPEG"))
    assert paths
    for path in paths:
        image = read_jpeg(path)
        mode = {"gray": "L", "ycbcr": "YCbCr", "rgb": "RGB"}[image.color]
        difference = np.abs(np.round(decoded(image)) - pillow(path.read_bytes(), mode))
        assert difference.max() <= 2, path
        assert difference.mean() < 0.2, path
