"""Generated files of four components, and their R, G and B written out in numpy; the library only reads the files."""

import io

import numpy as np
import torch
from PIL import Image
from scipy.fft import idctn
from torchvision.io import ImageReadMode, decode_image

import jpegdomain as jd

from ..codec.oracle import FIXTURES, noise, upsample

EVERYWHERE = ((1, 1),) * 4
HALVED = ((2, 2), (1, 1), (1, 1), (2, 2))
KINDS = [
    ("cmyk", EVERYWHERE),
    ("cmyk", ((2, 1), (1, 2), (2, 2), (1, 1))),
    ("ycck", EVERYWHERE),
    ("ycck", HALVED),
    ("ycck", ((1, 2), (1, 1), (1, 1), (1, 2))),
    ("ycck", ((2, 4), (2, 2), (1, 1), (1, 4))),
]
"""Colour model and (vertical, horizontal) factors. In the second, no component has the image's own size."""

IDS = ["cmyk", "cmyk-mixed", "ycck", "ycck-420", "ycck-422", "ycck-wide"]

SIZES = [(40, 56), (37, 45), (33, 8), (16, 3), (3, 21), (1, 1)]


def inked(height, width, seed=0):
    """C, M, Y and K in levels as a file stores them: a picture whose inks, K above all, have edges of their own."""
    color, black = noise(height, width, 3, seed), noise(height, width, 1, seed + 50)[:, ::-1]
    return np.concatenate([64 + color // 2, 90 + black // 2], 2).astype(np.uint8)


def saved(stored, *, transform=0, **options):
    """Return a file of these components; `transform` is its Adobe byte, and None leaves out the segment."""
    height, width, _ = stored.shape
    buffer = io.BytesIO()
    # Pillow writes 255 − value.
    Image.frombytes("CMYK", (width, height), (255 - stored).tobytes()).save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return data[:at] + data[at + 16 :]
    return data[: at + 15] + bytes([transform]) + data[at + 16 :]


def ycc(stored):
    """The same picture with Y, Cb and Cr of the first three, inverted, as YCCK has them."""
    image = Image.fromarray(255 - np.ascontiguousarray(stored[..., :3])).convert("YCbCr")
    return np.concatenate([np.asarray(image), stored[..., 3:]], 2)


def cmyk_file(size, seed=0, **options):
    return saved(inked(*size, seed), quality=85, subsampling="4:4:4", **options)


def ycck_file(size, seed=0, **options):
    """Y at full resolution, Cb, Cr and K at half of it."""
    return saved(ycc(inked(*size, seed)), transform=2, quality=85, subsampling="4:2:0", **options)


def fixture(name):
    return jd.read_jpeg(FIXTURES / "rare" / f"{name}.jpg")


def samples(image):
    """float64 (height, width, 4), 0…255 and beyond: inverse DCT, upsampling, cut."""
    largest = [max(part.factors[axis] for part in image.components) for axis in (0, 1)]
    planes = []
    for part in image.components:
        rows, columns = (-(-side // 8) for side in part.extent)
        values = (part.coefficients.astype(np.float64) * part.table).reshape(rows, columns, 8, 8)
        tiles = idctn(values, axes=(2, 3), norm="ortho").transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns)
        plane = tiles[: part.extent[0], : part.extent[1]] + 128
        plane = upsample(plane, *(largest[axis] // part.factors[axis] for axis in (0, 1)))
        planes.append(plane[: image.extent[0], : image.extent[1]])
    return np.stack(planes, -1)


def naive_rgb(image):
    """float64 (3, height, width): in terms of ink, c = 255 − C, the part of the light that neither c nor k takes."""
    stored = samples(image)
    if image.color == "ycck":
        luma, blue, red = stored[..., 0], stored[..., 1] - 128, stored[..., 2] - 128
        r, b = luma + 1.402 * red, luma + 1.772 * blue
        stored[..., :3] = 255 - np.stack([r, (luma - 0.299 * r - 0.114 * b) / 0.587, b], -1)
    ink = 255 - stored
    rgb = (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))


def pillow_rgb(data):
    with Image.open(io.BytesIO(data)) as file:
        return np.asarray(file.convert("RGB")).astype(float)


def torchvision_rgb(data):
    levels = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    return levels.permute(1, 2, 0).numpy().astype(float)
