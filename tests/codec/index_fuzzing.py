"""Damage files and their indexes at random: reading with an index gives what was indexed, or raises.

    python -m tests.codec.index_fuzzing SEED COUNT FILE…

It prints how often something was read and how often it was refused; anything else ends it with a traceback.
"""

import dataclasses
import random
import sys
from pathlib import Path

import jpegdomain as jd
from jpegdomain.codec import JpegIndex, index_jpeg
from jpegdomain.errors import JpegFileError, JpegIndexError

from .fuzzing import DAMAGES, INTERESTING, PIXELS, any_region, assert_is_part


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(seed)
    files = [Path(name).read_bytes() for name in sys.argv[3:]]
    subjects = [subject for data in files if (subject := indexed(data, chance)) is not None]
    read = sum(attempt(*chance.choice(subjects), files, chance) for _ in range(count))
    print(read, count - read)


def indexed(data, chance):
    try:
        return data, index_jpeg(data, every=chance.choice([1, 3, 16])), jd.read_jpeg(data)
    except JpegFileError:
        return None


def attempt(data, index, image, files, chance):
    """Read a region with something damaged. Returns whether it could be read."""
    how = chance.randrange(4)
    if how == 0:
        changed = bytearray(data)
        chance.choice(DAMAGES)(changed, chance, files)
        data = bytes(changed)
    elif how == 1:
        # One byte more or less, and the same size.
        at = chance.randrange(len(data))
        data = data[:at] + bytes([chance.choice(INTERESTING)]) + data[at + 1 :]
    elif how == 2:
        index = garbled(index, chance)
    else:
        assert_damage_is_seen(index.to_bytes(), chance)
    options = {"threads": chance.choice([1, 1, 1, 2]), "on_error": chance.choice(["raise", "keep"])}
    try:
        part = jd.read_jpeg(data, region=any_region(chance, image.extent), index=index, max_pixels=PIXELS, **options)
    except JpegIndexError:
        return False
    # Compare with the original, not with what the damaged file contains now.
    assert_is_part(part, image)
    return True


def garbled(index, chance):
    """Return an index with wrong numbers, and a checksum that does not show this."""
    if chance.random() < 0.2:
        name = chance.choice(["size", "headers", "every"])
        return dataclasses.replace(index, **{name: getattr(index, name) + chance.choice([-1, 1, 8])})
    scans = list(index.scans)
    number = chance.randrange(len(scans))
    if chance.random() < 0.2:
        name = chance.choice(["header", "start", "stop", "parts"])
        scans[number] = dataclasses.replace(
            scans[number], **{name: getattr(scans[number], name) + chance.choice([-1, 1])}
        )
    else:
        entries = scans[number].entries.copy()
        for _ in range(chance.choice([1, 1, 5])):
            row, column = chance.randrange(len(entries)), chance.randrange(entries.shape[1])
            entries[row, column] = chance.choice(
                [entries[row, column] + chance.choice([-1, 1, 8]), -1, 0, 1 << 40, -(1 << 62), (1 << 62) + 1]
            )
        if chance.random() < 0.1:
            entries = entries[: chance.randrange(len(entries) + 1)].copy()
        scans[number] = dataclasses.replace(scans[number], entries=entries)
    return dataclasses.replace(index, scans=tuple(scans))


def assert_damage_is_seen(written, chance):
    damaged = bytearray(written)
    at = chance.randrange(len(damaged))
    damaged[at] ^= 1 << chance.randrange(8)
    for data in (bytes(damaged), written[: chance.randrange(len(written))]):
        try:
            JpegIndex.from_bytes(data)
        except JpegIndexError:
            continue
        raise AssertionError(f"byte {at} does not count")


if __name__ == "__main__":
    main()
