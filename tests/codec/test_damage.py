"""Damaged files never end the process, never print, and never raise anything but the package's errors."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jpegdomain.codec import JpegImage, read_jpeg
from jpegdomain.errors import DamagedJpegError, JpegFileError, NotJpegError, TruncatedJpegError
from tests.compiled.processes import STRICT

from .oracle import FIXTURES, jpeg, noise, offset_of

MUTATE = """
import random, sys
from pathlib import Path
from jpegdomain.codec import JpegImage, read_jpeg
from jpegdomain.errors import JpegFileError

files = [Path(name).read_bytes() for name in sys.argv[1:]]
chance = random.Random(2024)
read = refused = 0
for _ in range(1500):
    data = bytearray(chance.choice(files))
    # Half of the time in the header, where most of the meaning is.
    reach = 620 if chance.random() < 0.5 else len(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(2, min(reach, len(data)))
        how = chance.random()
        if how < 0.7:
            data[at] = chance.randrange(256)
        elif how < 0.85:
            del data[at : at + chance.randrange(1, 9)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
    try:
        assert isinstance(read_jpeg(bytes(data)), JpegImage)
        read += 1
    except JpegFileError:
        refused += 1
print(read, refused)
"""


@pytest.mark.parametrize("name", ["411", "progressive-restart"])
def test_every_truncation_is_refused_unless_the_end_marker_alone_is_missing(name):
    data = (FIXTURES / f"{name}.jpg").read_bytes()
    for length in range(len(data)):
        with pytest.raises(NotJpegError if length < 2 else TruncatedJpegError):
            read_jpeg(data[:length], strict=True)
        if length < len(data) - 2:
            with pytest.raises(NotJpegError if length < 2 else TruncatedJpegError):
                read_jpeg(data[:length])
    whole = read_jpeg(data)
    for length in (len(data) - 2, len(data) - 1):
        image = read_jpeg(data[:length])
        assert len(image.warnings) == 1
        for one, other in zip(image.components, whole.components, strict=True):
            np.testing.assert_array_equal(one.coefficients, other.coefficients)


@pytest.mark.parametrize("name", ["411", "progressive-restart"])
def test_every_truncation_closed_with_an_end_marker_is_refused_or_read(name):
    data = (FIXTURES / f"{name}.jpg").read_bytes()
    for length in range(2, len(data) - 2, 3):
        try:
            image = read_jpeg(data[:length] + b"\xff\xd9")
        except JpegFileError:
            continue
        # What is left may be a whole number of scans, or lack only the last bits of padding.
        assert image.progressive or length > len(data) - 5


def test_random_damage_is_refused_or_read_and_never_ends_the_process():
    names = [str(path) for path in sorted(FIXTURES.glob("*.jpg"))]
    finished = subprocess.run(
        [sys.executable, *STRICT, "-c", MUTATE, *names],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    read, refused = map(int, finished.stdout.split())
    assert read > 100
    assert refused > 500


def test_lost_bytes_between_restart_markers_are_noticed():
    data = jpeg(noise(64, 64, 1), restart_marker_blocks=8)
    scan = offset_of(data, 0xDA)
    middle = data.index(b"\xff\xd3", scan)
    with pytest.raises(DamagedJpegError):
        read_jpeg(data[: middle - 20] + data[middle:])


def test_threads_read_the_same_as_one():
    files = [jpeg(noise(64 + 8 * i, 120, seed=i), progressive=bool(i % 2)) for i in range(8)]
    broken = files[0][:-40] + b"\xff\xd9"
    expected = [read_jpeg(data) for data in files]

    def work(i):
        if i % 5 == 4:
            with pytest.raises(DamagedJpegError):
                read_jpeg(broken)
            return
        image = read_jpeg(files[i % 8])
        for one, two in zip(image.components, expected[i % 8].components, strict=True):
            np.testing.assert_array_equal(one.coefficients, two.coefficients)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))


def test_no_descriptors_are_left_open():
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("descriptors can be counted on Linux only")
    data = jpeg(noise(40, 40))
    broken = data[:-40] + b"\xff\xd9"
    read_jpeg(data)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(20):
        read_jpeg(data)
        with pytest.raises(DamagedJpegError):
            read_jpeg(broken)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.slow
def test_reads_without_a_standard_error(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(40, 40)))
    script = (
        "import os, sys; os.close(2)\n"
        "from jpegdomain.codec import read_jpeg\n"
        "from jpegdomain.errors import DamagedJpegError\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "print(read_jpeg(data).extent)\n"
        "try: read_jpeg(data[:-40] + data[-2:])\n"
        "except DamagedJpegError: print('refused')\n"
    )
    finished = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert finished.stdout.split("\n") == ["40×40", "refused", ""]


@pytest.mark.slow
def test_a_forked_child_reads_too(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    script = (
        "import os, sys, threading, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from jpegdomain.codec import read_jpeg\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "def work():\n"
        "    while not done: read_jpeg(data)\n"
        "done = []; thread = threading.Thread(target=work); thread.start()\n"
        "for _ in range(10):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        read_jpeg(data); os.write(2, b'x'); os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "done.append(1); thread.join()\n"
    )
    # Large enough that the thread is nearly always inside the decoder when the process forks.
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(600, 600)))
    # What compiling takes, in another process at the same time, is not to count: the first fork waits for its end.
    read_jpeg(path)
    finished = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, timeout=120, check=False)
    assert (finished.returncode, finished.stderr) == (0, b"x" * 10)


def test_image_type():
    assert isinstance(read_jpeg(FIXTURES / "440.jpg"), JpegImage)
