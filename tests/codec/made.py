"""Generated files by number: the same number gives the same file. Half are made by Pillow, half by the slow encoder."""

import io
import itertools
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .encoder import Part, Scan, encode
from .oracle import jpeg, noise


class Made(NamedTuple):
    """A file; an equivalent one for libjpeg, if it cannot read the first; and what was encoded, if known."""

    data: bytes
    twin: bytes
    coefficients: Any
    tables: Any


def made(number):
    generator = np.random.default_rng([7, number])
    return by_pillow(number // 2, generator) if number % 2 else by_encoder(generator)


def any_size(generator):
    limit = int(generator.choice([9, 33, 80]))
    return tuple(int(side) for side in generator.integers(1, limit + 1, 2))


def by_pillow(number, generator):
    """Return files of every quality, with every sampling that Pillow writes."""
    kind = ["4:2:0", "4:4:4", "4:2:2", "L", "RGB", "CMYK"][number % 6]
    options: dict[str, Any] = {"quality": 1 + number % 100}
    if kind in {"4:2:0", "4:4:4", "4:2:2"}:
        options["subsampling"] = kind
    if kind == "RGB":
        options["keep_rgb"] = True
    options |= [{}, {"progressive": True}, {"optimize": True}][generator.integers(3)]
    options |= [{}, {"restart_marker_blocks": int(generator.integers(1, 6))}, {"restart_marker_rows": 1}][
        generator.integers(3)
    ]
    size = any_size(generator)
    pixels = noise(*size, {"L": 1, "CMYK": 4}.get(kind, 3), seed=number)
    if kind != "CMYK":
        data = jpeg(pixels, **options)
    else:
        buffer = io.BytesIO()
        Image.frombytes("CMYK", size[::-1], pixels.tobytes()).save(buffer, "JPEG", **options)
        data = buffer.getvalue()
    return Made(data, data, None, None)


def by_encoder(generator):
    """Any sampling factors, one to four components, any order of scans, tables of either width, DNL, fill bytes."""
    size = any_size(generator)
    parts = any_parts(size, generator)
    progressive = bool(generator.integers(2))
    scans = progressive_scans(parts, generator) if progressive else sequential_scans(parts, generator)
    options = {
        "progressive": progressive,
        "style": str(generator.choice(["flat", "deep"])),
        "fill": int(generator.choice([0, 0, 0, 3])),
        "head": b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" if generator.integers(2) else b"",
    }
    twin = encode(size, parts, scans, **options)
    # To read on after DNL, a decoder must know where the scan ends; one scan for each component is the simple case.
    later = bool(generator.integers(4) == 0)
    data = encode(size, parts, scans, **options, height_later=True) if later else twin
    return Made(data, twin, [part.coefficients for part in parts], [part.table for part in parts])


def any_parts(size, generator):
    count = int(generator.choice([1, 2, 3, 3, 3, 4]))
    usual = [(1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (4, 1), (2, 4), (4, 2), (4, 4)]
    if generator.integers(3):
        # Luma finer than chroma, as encoders usually have it.
        factors = [usual[generator.integers(len(usual))], *[(1, 1)] * (count - 1)]
    else:
        factors = [tuple(int(factor) for factor in generator.integers(1, 5, 2)) for _ in range(count)]
    largest = [max(pair[axis] for pair in factors) for axis in (0, 1)]
    units = [-(-size[axis] // (8 * largest[axis])) for axis in (0, 1)]
    identifiers = generator.permutation(256)[:count] if generator.integers(2) else range(1, count + 1)
    reach = int(generator.choice([255, 65535]))
    tables = [generator.integers(1, reach + 1, 64).astype(np.uint16) for _ in range(4)]
    parts = []
    for identifier, pair in zip(identifiers, factors, strict=True):
        own = [-(-size[axis] * pair[axis] // largest[axis]) for axis in (0, 1)]
        slot = int(generator.integers(4))
        padded = blocks(units[0] * pair[0], units[1] * pair[1], generator)
        parts.append(Part(int(identifier), pair, padded, (-(-own[0] // 8), -(-own[1] // 8)), tables[slot], slot))
    return tuple(parts)


def blocks(rows, columns, generator):
    """Return sparse blocks, as in photographs, or full ones, with a few of the largest values that 8-bit files can
    hold."""
    frequency = np.add.outer(np.arange(8), np.arange(8)).ravel()
    width = generator.choice([2, 20, 300]) / (1 + frequency) ** generator.choice([0, 1, 2, 2])
    values = generator.laplace(0, width, (rows, columns, 64)).round()
    extreme = generator.random((rows, columns, 64)) < 0.002
    values = np.where(extreme, generator.choice([-1023, 1023], (rows, columns, 64)), values)
    return np.clip(values, -1023, 1023).astype(np.int16)


def groups(parts, generator):
    """Return the components to interleave: one scan for all if they have at most ten blocks, or a random division."""
    found: list[list[int]] = [[]]
    for index, part in enumerate(parts):
        blocks = sum(parts[other].factors[0] * parts[other].factors[1] for other in found[-1])
        if found[-1] and (blocks + part.factors[0] * part.factors[1] > 10 or generator.integers(4) == 0):
            found.append([])
        found[-1].append(index)
    return [tuple(group) for group in found]


def any_restart(generator):
    return int(generator.choice([0, 0, 1, 3, 7]))


def sequential_scans(parts, generator):
    return [Scan(group, restart=any_restart(generator)) for group in groups(parts, generator)]


def progressive_scans(parts, generator):
    """DC first, then bands of each component in any order, each refined bit by bit."""
    depth = int(generator.integers(3))
    scans = [Scan(group, 0, 0, 0, depth, any_restart(generator)) for group in groups(parts, generator)]
    queues = [[Scan(scan.parts, 0, 0, low + 1, low, any_restart(generator)) for low in reversed(range(depth))]
              for scan in scans]  # fmt: skip
    for index in range(len(parts)):
        edges = [1, *sorted(int(edge) for edge in generator.integers(2, 64, generator.integers(3))), 64]
        for first, end in itertools.pairwise(edges):
            if first < end:
                low = int(generator.integers(4))
                steps = [(0, low), *((bit + 1, bit) for bit in reversed(range(low)))]
                queues.append([Scan((index,), first, end - 1, *step, any_restart(generator)) for step in steps])
    while queues := [queue for queue in queues if queue]:
        scans.append(queues[generator.integers(len(queues))].pop(0))
    return scans
