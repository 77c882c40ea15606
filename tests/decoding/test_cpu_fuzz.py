"""The renderer on random images and maps, and the same in processes with every index checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .rendering import check

ROOT = Path(__file__).parents[2]


def run(*command, **environment):
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    finished = subprocess.run(
        [sys.executable, "-W", "error", *map(str, command)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


@pytest.mark.parametrize("seed", range(60))
def test_random_images_and_maps(seed):
    check(seed)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Compile once for all seeds, separately from the code without checks."""
    return {"NUMBA_BOUNDSCHECK": "1", "JPEGDOMAIN_CACHE": str(tmp_path_factory.mktemp("checked"))}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 4000, 1000))
def test_no_index_is_out_of_bounds(first, checked):
    assert run("-m", "tests.decoding.rendering", first, 300, **checked) == "300\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [
        "layout.head['columns_at'] = layout.scratch - 100",
        "layout.starts[:] = 10000",
        "layout.head['rows_at'] = layout.scratch - 8",
    ],
)
def test_the_checking_mode_notices_an_index_out_of_bounds(spoil, checked):
    script = (
        "from tests.preprocess.pictures import picture\n"
        "from jpegdomain.decoding import cpu, render_layout\n"
        "def spoilt(*arguments):\n"
        "    layout = render_layout.render_layout(*arguments)\n"
        f"    {spoil}\n"
        "    return layout\n"
        "cpu.render_layout = spoilt\n"
        "try: cpu.render([picture('4:2:0', (40, 50))], None, 'rgb', [1.0] * 3, [0.0] * 3)\n"
        "except IndexError: print('noticed')\n"
    )
    assert run("-c", script, **checked) == "noticed\n"
