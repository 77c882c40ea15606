"""Naive versions of the linear maps and layers, in numpy loops: ITU-T T.81 and Ehrlich & Davis (2019) taken literally.

Nothing here comes from jpegdomain, and no transform from a library.
"""

import functools
import math

import numpy as np

# ITU-T T.81 figure A.6: the zigzag position of each coefficient, row = vertical frequency.
FIGURE_A6 = np.array(
    [
        [0, 1, 5, 6, 14, 15, 27, 28],
        [2, 4, 7, 13, 16, 26, 29, 42],
        [3, 8, 12, 17, 25, 30, 41, 43],
        [9, 11, 18, 24, 31, 40, 44, 53],
        [10, 19, 23, 32, 39, 45, 52, 54],
        [20, 22, 33, 38, 46, 51, 55, 60],
        [21, 34, 37, 47, 50, 56, 59, 61],
        [35, 36, 48, 49, 57, 58, 62, 63],
    ]
)

TABLE = np.random.default_rng(81).uniform(0.3, 40, (8, 8))
"""A table of positive numbers, none of them whole."""


@functools.cache
def cell(k):
    """Vertical and horizontal frequency at zigzag position k."""
    (place,) = np.argwhere(k == FIGURE_A6)
    return tuple(int(i) for i in place)


def dct_entry(m, n, a, b):
    """D^{mn}_{αβ}, eq. (5)."""
    scale = [1 / math.sqrt(2) if u == 0 else 1.0 for u in (a, b)]
    rows, columns = math.cos((2 * m + 1) * a * math.pi / 16), math.cos((2 * n + 1) * b * math.pi / 16)
    return 0.25 * scale[0] * scale[1] * rows * columns


D = np.array([[[[dct_entry(m, n, a, b) for b in range(8)] for a in range(8)] for n in range(8)] for m in range(8)])
"""[m, n, α, β]."""


def tiles(height, width):
    """The block rows and columns that cover an image."""
    return [(x, y) for x in range(math.ceil(height / 8)) for y in range(math.ceil(width / 8))]


def encode(pixels):
    """(n, c, h, w) → (n, c, 8X, 8Y): each block, filled up with zeros, by T.81 A.3.3."""
    n, c, height, width = pixels.shape
    padded = np.zeros((n, c, 8 * math.ceil(height / 8), 8 * math.ceil(width / 8)))
    padded[:, :, :height, :width] = pixels
    result = np.zeros_like(padded)
    for x, y in tiles(height, width):
        here = np.s_[:, :, 8 * x : 8 * x + 8, 8 * y : 8 * y + 8]
        result[here] = np.einsum("ncuv,uvab->ncab", padded[here], D)
    return result


def decode(coefficients, height, width, frequencies=15):
    """(n, c, 8X, 8Y) → (n, c, h, w) from the coefficients with α+β < frequencies."""
    kept = np.array([[a + b < frequencies for b in range(8)] for a in range(8)])
    result = np.zeros(coefficients.shape)
    for x, y in tiles(height, width):
        here = np.s_[:, :, 8 * x : 8 * x + 8, 8 * y : 8 * y + 8]
        result[here] = np.einsum("ncab,uvab->ncuv", coefficients[here] * kept, D)
    return result[:, :, :height, :width]


def truncated(pixels, frequencies):
    """The reconstruction of an image from its low spatial frequencies."""
    return decode(encode(pixels), *pixels.shape[2:], frequencies)


def transform(height, width, table):
    """J^{hw}_{xyk}, eqs. (3) to (8), one entry at a time."""
    result = np.zeros((height, width, math.ceil(height / 8), math.ceil(width / 8), 64))
    for h in range(height):
        for w in range(width):
            for k in range(64):
                result[h, w, h // 8, w // 8, k] = D[(h % 8, w % 8, *cell(k))] / table[cell(k)]
    return result


def inverse(height, width, table):
    """J̃^{xyk}_{hw}, eqs. (9) and (10), one entry at a time."""
    result = np.zeros((math.ceil(height / 8), math.ceil(width / 8), 64, height, width))
    for h in range(height):
        for w in range(width):
            for k in range(64):
                result[h // 8, w // 8, k, h, w] = D[(h % 8, w % 8, *cell(k))] * table[cell(k)]
    return result


def mixing(table):
    """H^{kmn}_{k'}, eq. (20), one entry at a time."""
    result = np.zeros((64, 8, 8, 64))
    for k in range(64):
        for k2 in range(64):
            result[k, :, :, k2] = table[cell(k)] * D[(..., *cell(k))] * D[(..., *cell(k2))] / table[cell(k2)]
    return result


def output_size(size, kernel, stride, padding, dilation):
    """The number of places where a window fits, counted."""
    last = size + sum(padding) - (kernel - 1) * dilation
    return len(range(0, last, stride))


def convolution(weight, height, width, stride, padding, dilation=(1, 1), groups=1):
    """C^{phw}_{p'h'w'} as an array [p', h', w', p, h, w]: kernel entries copied to where they act (section 4.1)."""
    outputs, per_group, *kernel = weight.shape
    sizes = [
        output_size(size, *rest) for size, *rest in zip((height, width), kernel, stride, padding, dilation, strict=True)
    ]
    result = np.zeros((outputs, *sizes, per_group * groups, height, width))
    for p2, i, a, b in np.ndindex(*weight.shape):
        p = p2 // (outputs // groups) * per_group + i
        for h2, w2 in np.ndindex(*sizes):
            h = h2 * stride[0] + a * dilation[0] - padding[0][0]
            w = w2 * stride[1] + b * dilation[1] - padding[1][0]
            if 0 <= h < height and 0 <= w < width:
                result[p2, h2, w2, p, h, w] += weight[p2, i, a, b]
    return result


def folded(operator, table):
    """Ξ^{pxyk}_{p'x'y'k'} = J̃·C·J, eqs. (11) and (13), as an array [p', x', y', k', p, x, y, k]."""
    _, height2, width2, _, height, width = operator.shape
    half = np.einsum("PHWphw,HWXYK->PXYKphw", operator, transform(height2, width2, table), optimize=True)
    return np.einsum("PXYKphw,xykhw->PXYKpxyk", half, inverse(height, width, table), optimize=True)


def max_pool(exact, approximation, kernel, stride, padding, dilation, ceil_mode):
    """Each window's exact value at the place where its approximation is largest."""
    n, c, *sizes = exact.shape
    counts = []
    for axis, size in enumerate(sizes):
        places = (size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]
        count = (math.ceil(places) if ceil_mode else math.floor(places)) + 1
        # A window may not start in the padding after the image.
        counts.append(count - ((count - 1) * stride[axis] >= size + padding[axis]))
    result = np.zeros((n, c, *counts))
    for i, j, y, x in np.ndindex(*result.shape):
        window = [
            (approximation[i, j, h, w], exact[i, j, h, w])
            for h in range(
                y * stride[0] - padding[0], y * stride[0] - padding[0] + kernel[0] * dilation[0], dilation[0]
            )
            for w in range(
                x * stride[1] - padding[1], x * stride[1] - padding[1] + kernel[1] * dilation[1], dilation[1]
            )
            if 0 <= h < sizes[0] and 0 <= w < sizes[1]
        ]
        result[i, j, y, x] = max(window)[1]
    return result
