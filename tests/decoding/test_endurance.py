"""Memory after very many files is what it was after a few."""

import ctypes
import gc
from pathlib import Path

import pytest

import jpegdomain as jd
from jpegdomain.preprocess import RandomResizedCrop

from ..codec.oracle import jpeg, noise


def resident():
    """Bytes of this process in memory, freed pages given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_fifty_thousand_files_leave_nothing_behind():
    files = [jpeg(noise(90 + number, 131, seed=number), quality=80) for number in range(50)]
    preprocess = RandomResizedCrop(64)
    after = []
    for number in range(1000):
        pixels = jd.read_pixels(files, preprocess=preprocess)
        if number % 100 == 99:
            after.append(resident())
    assert pixels.shape == (50, 3, 64, 64)
    assert max(after[1:]) - after[0] < 20e6, after
