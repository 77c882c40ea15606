"""Generated images of every sampling, and their expected pixels: decoded in float64, then mapped by dense matrices."""

import numpy as np
import torch

import jpegdomain as jd
from jpegdomain.codec import Component, JpegImage
from jpegdomain.geometry import Extent

SAMPLINGS = {
    "gray": ((1, 1),),
    "4:4:4": ((1, 1), (1, 1), (1, 1)),
    "4:2:2": ((1, 2), (1, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1), (1, 1)),
    "4:4:0": ((2, 1), (1, 1), (1, 1)),
    "4:1:1": ((1, 4), (1, 1), (1, 1)),
    "4:1:0": ((2, 4), (1, 1), (1, 1)),
    "red chroma halved": ((2, 2), (2, 2), (1, 1)),
    "luma halved": ((1, 1), (2, 2), (1, 2)),
}


def picture(sampling, extent, seed=0, *, keep=8, color="ycbcr"):
    """Return random coefficients, smaller at higher frequencies, as in photographs: 0…255 and a little beyond."""
    generator = np.random.default_rng([3, seed])
    factors = SAMPLINGS[sampling] if isinstance(sampling, str) else sampling
    largest = [max(sizes) for sizes in zip(*factors, strict=True)]
    components = []
    for identifier, pair in enumerate(factors, 1):
        own = Extent(*(-(-side * one // top) for side, one, top in zip(extent, pair, largest, strict=True)))
        table = generator.integers(1, 60, 64).astype(np.uint16)
        spread = 300 / (1 + np.add.outer(np.arange(8), np.arange(8))) ** 1.5
        values = generator.normal(0, 1, (*own.blocks, 8, 8)) * spread / table.reshape(8, 8)
        kept = np.ascontiguousarray(np.rint(values)[..., :keep, :keep]).reshape(*own.blocks, keep * keep)
        components.append(Component(identifier, kept.astype(np.int16), table, pair, own))
    color = "gray" if len(factors) == 1 else color
    return JpegImage(tuple(components), Extent(*extent), color, 1, False, f"{sampling} {extent}")


def limited(image, frequencies):
    """The same image, whole blocks, with nothing beyond the lowest m×m frequencies."""
    components = []
    for part in image.components:
        m = min(part.keep, frequencies)
        blocks = np.zeros((*part.extent.blocks, 8, 8), np.int16)
        given = part.coefficients.reshape(*part.extent.blocks, part.keep, part.keep)
        blocks[..., :m, :m] = given[..., :m, :m]
        flat = blocks.reshape(*part.extent.blocks, 64)
        components.append(Component(part.identifier, flat, part.table, part.factors, part.extent))
    return JpegImage(tuple(components), image.extent, image.color, 1, False, image.source)


def matrix(axis):
    """One entry at a time."""
    result = np.zeros((axis.out, axis.size))
    for o in range(axis.out):
        result[o, axis.starts[o] : axis.starts[o] + axis.taps] += axis.weights[o]
    return result


def ycbcr(pixels):
    """RGB levels (…, 3, h, w) to Y, Cb and Cr in 0…255, as T.871 has it."""
    red, green, blue = np.moveaxis(np.asarray(pixels, np.float64), -3, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128], -3)


def expected(image, placement, scale, shift, target="rgb"):
    """float64 (channels, h, w)."""
    pixels = jd.decode_rgb(jd.collate([image], dtype=torch.float64))[0].numpy()
    result = matrix(placement.rows) @ pixels @ matrix(placement.columns).T
    for fill in placement.fills:
        levels = np.broadcast_to(np.array(fill.levels), (3,))
        result = result + levels[:, None, None] * np.outer(fill.rows, fill.columns)
    if target != "rgb":
        result = ycbcr(result)[: len(scale)]
    return np.array(scale)[:, None, None] * result + np.array(shift)[:, None, None]
