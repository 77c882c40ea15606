"""Damaged files by committed seeds, in separate processes, and the same with every index checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .oracle import FIXTURES

ROOT = Path(__file__).parents[2]
DIGITS = sorted(ROOT.glob("experiments/embedded/digits/*/*.jpg"))[::20]
FILES = [*sorted(FIXTURES.rglob("*.jpg")), *DIGITS]


def real_files():
    """Return fixtures, and photographs if they are available."""
    folder = os.environ.get("JPEGDOMAIN_DATA")
    if folder is None:
        return []
    return sorted(Path(folder, "imagenet-samples").glob("*.JPEG"), key=lambda path: path.stat().st_size)[:12]


def fuzz(seed, count, files, folder, timeout, module="fuzzing", **environment):
    command = [sys.executable, "-W", "error", "-m", f"tests.codec.{module}", str(seed), str(count), *map(str, files)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    read, refused = map(int, finished.stdout.split())
    assert read + refused == count
    # Both must happen: otherwise there is too much damage, or too little, to find anything.
    assert min(read, refused) > count // 20


@pytest.mark.parametrize("seed", [1, 2])
def test_damage_is_refused_or_read(seed, tmp_path):
    fuzz(seed, 1000, FILES, tmp_path, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_much_damage_is_refused_or_read(seed, tmp_path):
    fuzz(seed, 2500, [*FILES, *real_files()], tmp_path, timeout=900)


def test_nothing_is_read_by_a_wrong_index(tmp_path):
    fuzz(3, 1500, FILES, tmp_path, timeout=120, module="index_fuzzing")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_nothing_is_read_by_a_wrong_index_nor_out_of_bounds(seed, tmp_path, checked_cache):
    checked = {"NUMBA_BOUNDSCHECK": "1", "JPEGDOMAIN_CACHE": checked_cache}
    files = [*FILES, *real_files()]
    fuzz(seed, 5000, files, tmp_path, timeout=900, module="index_fuzzing")
    fuzz(seed, 2500, files, tmp_path, timeout=900, module="index_fuzzing", **checked)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_no_index_is_out_of_bounds(seed, tmp_path, checked_cache):
    checked = {"NUMBA_BOUNDSCHECK": "1", "JPEGDOMAIN_CACHE": checked_cache}
    fuzz(seed, 2500, [*FILES, *real_files()], tmp_path, timeout=900, **checked)


@pytest.mark.slow
def test_the_checking_mode_notices_an_index_out_of_bounds(checked_cache):
    script = (
        "import numpy as np, jpegdomain as jd, sys\n"
        "from jpegdomain.codec import workspace\n"
        "small = workspace.Workspace()\n"
        "small.kernel = (*small.kernel[:2], np.zeros(100, np.uint8), small.kernel[3])\n"
        "workspace.release(small)\n"
        "try: jd.read_jpeg(sys.argv[1])\n"
        "except IndexError: print('noticed')\n"
    )
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "JPEGDOMAIN_CACHE": checked_cache}
    command = [sys.executable, "-c", script, str(FILES[0])]
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert finished.stdout == "noticed\n", finished.stderr


@pytest.fixture(scope="module")
def checked_cache(tmp_path_factory):
    """Compile once for all seeds, separately from the code without checks."""
    return str(tmp_path_factory.mktemp("checked"))
