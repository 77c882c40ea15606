"""What the codec's tests compare with: Pillow, and the transforms written in plain numpy.

Nothing here comes from jpegdomain.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn

FIXTURES = Path(__file__).parent.parent / "fixtures"


def noise(height, width, channels=3, seed=0):
    """Return random pixels with some structure, so that a wrong order of frequencies is noticed."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    wave = 60 * np.sin(x / 3 + seed) + 30 * np.cos(y / 7)
    pixels = 128 + wave[..., None] + generator.normal(0, 20, (height, width, channels))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def jpeg(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def pillow(data, mode):
    """uint8 (height, width, channels) by Pillow, without colour conversion where `mode` is the file's own."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft(mode, image.size)
        assert image.mode == mode
        return np.atleast_3d(np.asarray(image))


def blocks(plane):
    """(8X, 8Y) → (X, Y, 8, 8)."""
    rows, columns = plane.shape[0] // 8, plane.shape[1] // 8
    return plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)


def forward(plane):
    """Coefficients (X, Y, 64), row-major, of samples 0…255 whose sides are multiples of 8."""
    return dctn(blocks(plane.astype(np.float64) - 128), axes=(2, 3), norm="ortho").reshape(
        plane.shape[0] // 8, plane.shape[1] // 8, 64
    )


def samples(coefficients, table, height, width):
    """Float samples 0…255, clipped as a decoder does, of quantised (X, Y, 64) coefficients."""
    rows, columns, _ = coefficients.shape
    dequantised = (coefficients.astype(np.float64) * table).reshape(rows, columns, 8, 8)
    tiles = idctn(dequantised, axes=(2, 3), norm="ortho").transpose(0, 2, 1, 3)
    return np.clip(tiles.reshape(8 * rows, 8 * columns)[:height, :width] + 128, 0, 255)


def upsample(plane, vertical, horizontal):
    """Upsample by libjpeg's default: triangles if no factor is above 2, repetition otherwise and for 1 or 2 columns."""
    if max(vertical, horizontal) > 2 or (horizontal == 2 and plane.shape[1] <= 2):
        return plane.repeat(vertical, 0).repeat(horizontal, 1)
    if vertical == 2:
        plane = doubled(plane)
    return doubled(plane.T).T if horizontal == 2 else plane


def doubled(plane):
    """Twice the rows, ¾ of the nearest and ¼ of the next nearest, the edges repeated."""
    before = np.concatenate([plane[:1], plane[:-1]])
    after = np.concatenate([plane[1:], plane[-1:]])
    pairs = np.stack([0.75 * plane + 0.25 * before, 0.75 * plane + 0.25 * after], 1)
    return pairs.reshape(-1, plane.shape[1])


def decoded(image):
    """Float (height, width, components) of a JpegImage, before any colour conversion."""
    planes = []
    largest = [max(component.factors[axis] for component in image.components) for axis in (0, 1)]
    for component in image.components:
        plane = samples(component.coefficients, component.table, *component.extent)
        plane = upsample(plane, *(largest[axis] // component.factors[axis] for axis in (0, 1)))
        planes.append(plane[: image.extent.height, : image.extent.width])
    return np.stack(planes, axis=-1)


def header_segments(data):
    """[(marker, offset of FF, payload)] up to and including the first SOS, of a well-formed file."""
    found, at = [], 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, at, data[at + 4 : at + 2 + length]))
        if marker == 0xDA:
            return found
        at += 2 + length


def offset_of(data, marker):
    """Where a header segment begins, the 0xFF of its marker."""
    return next(offset for found, offset, _ in header_segments(data) if found == marker)


def patched(data, offset, *values):
    """The data with bytes replaced from an offset on."""
    return data[:offset] + bytes(values) + data[offset + len(values) :]


def segment(marker, payload):
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def inserted(data, *segments, at=2):
    """Return the data with segments inserted, by default after SOI."""
    return data[:at] + b"".join(segments) + data[at:]


def without(data, marker):
    """The data without the header segments of one kind."""
    for found, offset, payload in reversed(header_segments(data)):
        if found == marker:
            data = data[:offset] + data[offset + 4 + len(payload) :]
    return data
