"""Damage files at random and read them: only the package's errors may occur, no hang, no memory beyond the limit.

    python -m tests.codec.fuzzing SEED COUNT FILE…

It is a separate process, since a fault could end it. It prints how many files were read and how many were refused.
Anything else ends it with a traceback, and the case is in the working directory as fuzz-SEED-NUMBER.jpg, after the
files that were read in one call with it.
"""

import faulthandler
import random
import re
import resource
import sys
from pathlib import Path

import numpy as np

import jpegdomain as jd
from jpegdomain.errors import InputError, JpegFileError

SECONDS_A_FILE = 30
PIXELS = 1_000_000
# Four components of a million samples, in 16 bits, read and written again, with room for fragments.
MEGABYTES = 250
INTERESTING = [0, 1, 2, 7, 8, 63, 64, 127, 128, 254, 255]


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    files = [Path(name).read_bytes() for name in sys.argv[3:]]
    chance = random.Random(seed)
    for data in files[:40]:
        attempt(data, chance)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = 0
    together = []
    for number in range(count):
        data = damaged(files, chance)
        together.append(data)
        # A timer in its own thread, which a hang cannot block.
        faulthandler.dump_traceback_later(SECONDS_A_FILE, exit=True)
        try:
            read += attempt(data, chance)
            if len(together) == 20:
                attempt_together([*together, chance.choice(files)])
                together = []
        except BaseException:
            for back, one in enumerate(reversed(together or [data])):
                Path(f"fuzz-{seed}-{number - back}.jpg").write_bytes(one)
            raise
        faulthandler.cancel_dump_traceback_later()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"{grown:.0f} MB"
    print(read, count - read)


def attempt(data, chance):
    """Read, and write what was read. Returns whether there was anything."""
    keep = chance.choice([8, 8, 1, 2, 5])
    how = chance.choice([{}, {"strict": True}, {"on_error": "keep"}, {"on_error": "keep"}])
    try:
        image = jd.read_jpeg(data, keep=keep, max_pixels=PIXELS, **how)
    except JpegFileError:
        return False
    assert "on_error" in how or image.damage is None
    assert not how.get("strict") or image.warnings == ()
    assert len(image.warnings) <= 17
    assert image.extent.height * image.extent.width <= PIXELS
    assert all(component.keep == keep for component in image.components)
    # Touch everything, so that memory outside the arrays shows.
    assert all(int(np.abs(component.coefficients.astype(np.int32)).max()) < 1 << 16 for component in image.components)
    region = any_region(chance, image.extent)
    try:
        part = jd.read_jpeg(data, keep=keep, max_pixels=PIXELS, region=region, **how)
    except JpegFileError as error:
        raise AssertionError(f"{region} of an image that can be read") from error
    assert_is_part(part, image)
    if keep == 8 and chance.random() < 0.2:
        try:
            written = jd.write_jpeg(image)
        except InputError as error:
            # Damage may give values, steps and identifiers that no file should have, but nothing else may be wrong with
            # a record.
            if not re.search("coefficient|step of 0|identifiers are distinct", str(error)):
                raise
        else:
            again = jd.read_jpeg(written)
            for one, two in zip(image.components, again.components, strict=True):
                assert np.array_equal(one.coefficients, two.coefficients)
    return True


def any_region(chance, extent):
    top, left = (chance.randrange(side) for side in extent)
    return top, left, chance.randint(1, extent[0] - top), chance.randint(1, extent[1] - left)


def assert_is_part(part, image):
    """Each component equals the whole image's from where the part begins, in whole blocks, whatever its factors."""
    largest = [max(component.factors[axis] for component in image.components) for axis in (0, 1)]
    for one, all_of_it in zip(part.components, image.components, strict=True):
        top, left = (part.offset[axis] * one.factors[axis] // largest[axis] // 8 for axis in (0, 1))
        rows, columns = one.coefficients.shape[:2]
        expected = all_of_it.coefficients[top : top + rows, left : left + columns]
        assert np.array_equal(one.coefficients, expected)


def attempt_together(several):
    """In one call, each file gives the same as alone, whatever the other files are."""
    found = jd.read_jpegs(several, return_errors=True, max_pixels=PIXELS)
    for number, (data, result) in enumerate(zip(several, found, strict=True)):
        expected = alone(data)
        assert (type(result), str(result).replace(f", sources[{number}]", "")) == (type(expected), str(expected))
        if isinstance(expected, jd.JpegImage):
            for one, two in zip(expected.components, result.components, strict=True):
                assert np.array_equal(one.coefficients, two.coefficients)
                assert np.array_equal(one.table, two.table)


def alone(data):
    try:
        return jd.read_jpeg(data, max_pixels=PIXELS)
    except JpegFileError as error:
        return error


def damaged(files, chance):
    data = bytearray(chance.choice(files))
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        chance.choice(DAMAGES)(data, chance, files)
    return bytes(data)


def somewhere(data, chance):
    # Half of the time in the header, where most of the meaning is.
    scan = data.find(b"\xff\xda") + 14
    return chance.randrange(min(scan if chance.random() < 0.5 else len(data), len(data)) or 1)


def set_byte(data, chance, _):
    at = somewhere(data, chance)
    data[at : at + 1] = bytes([chance.choice(INTERESTING) if chance.random() < 0.5 else chance.randrange(256)])


def flip_bit(data, chance, _):
    at = somewhere(data, chance)
    data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << chance.randrange(8)])


def delete(data, chance, _):
    at = somewhere(data, chance)
    del data[at : at + chance.choice([1, 2, 8, 300])]


def insert(data, chance, _):
    at = somewhere(data, chance)
    data[at:at] = chance.randbytes(chance.randrange(1, 9))


def truncate(data, chance, _):
    del data[chance.randrange(len(data) + 1) :]


def truncate_and_close(data, chance, _):
    truncate(data, chance, _)
    data += b"\xff\xd9"


def splice(data, chance, files):
    other = chance.choice(files)
    del data[chance.randrange(len(data) + 1) :]
    data += other[chance.randrange(len(other)) :]


def change_marker(data, chance, _):
    places = [match.start() for match in re.finditer(b"\xff[\x01-\xfe]", data)]
    if places:
        data[chance.choice(places) + 1] = chance.choice([0xC0, 0xC1, 0xC2, 0xC4, 0xD0, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD])


def move_segment(data, chance, _):
    places = [match.start() for match in re.finditer(b"\xff[\xc0-\xcf\xda-\xfe]", data)]
    if len(places) > 1:
        first, second = sorted(chance.sample(places, 2))
        piece = data[first:second]
        if chance.random() < 0.5:
            del data[first:second]
        at = chance.choice(places)
        data[at:at] = piece


def change_size(data, chance, _):
    frame = re.search(b"\xff[\xc0-\xc2]\0.\x08", data, re.DOTALL)
    if frame:
        at = frame.end() + chance.randrange(4)
        data[at : at + 1] = bytes([chance.choice(INTERESTING)])


DAMAGES = [
    set_byte, set_byte, flip_bit, flip_bit, delete, insert, truncate, truncate_and_close, splice, change_marker,
    move_segment, change_size,
]  # fmt: skip


if __name__ == "__main__":
    main()
