"""Frequency channels written out in numpy: pixels, colours, blocks, DCT, step by step."""

import numpy as np
import torch
from scipy.fft import dctn

import jpegdomain as jd

from ..preprocess.pictures import SAMPLINGS, picture, ycbcr

COLOURED = [name for name in SAMPLINGS if name != "gray"]
KINDS = [*[(name, "ycbcr") for name in COLOURED], ("gray", "gray"), ("4:4:4", "rgb"), ("4:2:2", "rgb")]
EXTENTS = [(64, 48), (41, 67), (17, 3), (1, 1)]


def made(kind, extent, seed=0):
    sampling, color = kind
    return picture(sampling, extent, seed, color=color)


def dct_channels(planes):
    """(…, c, h, w) level-shifted samples to (…, 64·c, X, Y), zeros beyond the edges."""
    *lead, count, height, width = planes.shape
    rows, columns = -(-height // 8), -(-width // 8)
    whole = np.zeros((*lead, count, 8 * rows, 8 * columns))
    whole[..., :height, :width] = planes
    result = np.zeros((*lead, count, 8, 8, rows, columns))
    for x in range(rows):
        for y in range(columns):
            block = whole[..., 8 * x : 8 * x + 8, 8 * y : 8 * y + 8]
            result[..., x, y] = dctn(block, axes=(-2, -1), norm="ortho")
    return result.reshape(*lead, 64 * count, rows, columns)


def channels_of_pixels(pixels):
    """RGB (…, 3, h, w) to (…, 192, X, Y)."""
    return dct_channels(ycbcr(pixels) - 128)


def channels_of_images(images):
    """Return the channels of images of one extent, from the float decoding."""
    return channels_of_pixels(jd.decode_rgb(jd.collate(images, dtype=torch.float64)).numpy())
