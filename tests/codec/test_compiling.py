"""The codec's kernels are compiled once: what is announced, and what happens with a damaged cache."""

import hashlib
import sys
import time

import numpy as np
import pytest

from tests.compiled.processes import a_file_in_the_way, outcome, process

from .arithmetic_encoder import Interval
from .encoder import encode
from .made import any_parts, progressive_scans, sequential_scans
from .oracle import jpeg, noise

FRESH = """
from jpegdomain.compiled import cache
usual = cache._fingerprint
# Code of this processor may be kept elsewhere: of a source like this there is none.
cache._fingerprint = lambda package: "fresh" + usual(package)[5:]
"""

WARM = """
import sys
from jpegdomain.codec.__main__ import main
sys.argv = ["codec", "warm"]
main()
"""

READ = """
import sys, time
import jpegdomain.codec
start = time.perf_counter()
print(jpegdomain.codec.read_jpeg(sys.argv[1]).extent, time.perf_counter() - start)
"""

READ_ALL = """
import hashlib, sys
from jpegdomain.codec import read_jpeg
for name in sys.argv[1:]:
    parts = read_jpeg(name).components
    print(hashlib.sha256(b"".join(part.coefficients.tobytes() for part in parts)).hexdigest())
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(16, 24)))
    return path


def test_importing_the_codec_does_not_import_numba():
    script = "import sys, jpegdomain; print('numba' in sys.modules)"
    assert outcome(process("-c", script)) == ("False\n", "")


@pytest.mark.slow
def test_the_first_process_compiles_and_says_so_once(file, tmp_path):
    folder = tmp_path / "kept"
    # Two at a time: one compiles, the other waits and loads.
    both = [process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder) for _ in range(2)]
    results = [outcome(one) for one in both]
    assert [printed.split()[0] for printed, _ in results] == ["16×24", "16×24"]
    said = sorted(said for _, said in results)
    assert said[0] == ""
    assert said[1].startswith("jpegdomain: compiling the sequential JPEG decoder")
    assert said[1].count("\n") == 1
    printed, said = outcome(process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder))
    assert said == ""
    assert float(printed.split()[1]) < 2


@pytest.mark.slow
def test_warm_compiles_everything_ahead(file, tmp_path):
    folder = tmp_path / "kept"
    _, said = outcome(process("-c", FRESH + WARM, JPEGDOMAIN_CACHE=folder))
    assert "sequential" in said
    assert "progressive" in said
    file.write_bytes(jpeg(noise(16, 24), progressive=True))
    assert outcome(process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder))[1] == ""
    start = time.perf_counter()
    assert outcome(process("-c", FRESH + WARM, JPEGDOMAIN_CACHE=folder))[1] == ""
    assert time.perf_counter() - start < 30


@pytest.mark.slow
def test_a_damaged_cache_does_not_cause_a_failure(file, tmp_path):
    folder = tmp_path / "kept"
    outcome(process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder))
    kept = list(folder.rglob("*.nb?"))
    assert kept
    for path in kept:
        path.write_bytes(b"spoilt")
    printed, said = outcome(process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder))
    assert printed.startswith("16×24")
    assert "compiling again" in said
    # It is also repaired.
    printed, said = outcome(process("-c", FRESH + READ, file, JPEGDOMAIN_CACHE=folder))
    assert printed.startswith("16×24")
    assert said == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_without_a_folder_it_works_and_says_so(file, tmp_path):
    a_file_in_the_way(tmp_path / "home")
    nowhere = (
        "import pathlib; from jpegdomain.codec.kernels import CODEC\n"
        "object.__setattr__(CODEC, 'folder', pathlib.Path('/dev/null/kernel'))\n"
        "import tempfile; tempfile.tempdir = '/dev/null'\n"
    )
    printed, said = outcome(process("-c", nowhere + READ, file, XDG_CACHE_HOME=tmp_path / "home"))
    assert printed.startswith("16×24")
    assert "in every process, since no cache folder is writable" in said
    assert said.count("\n") == 1


IN_AN_IMAGE = """
import os, pathlib, tempfile
tempfile.tempdir = os.environ["TEMPORARY"]
candidates = cache._candidates
def usual_of_image(package):
    # In place of the package's own folder.
    pycache = package.folder / "__pycache__"
    return (pathlib.Path(os.environ["IMAGE"]) if place == pycache else place for place in candidates(package))
cache._candidates = usual_of_image
"""

READ_PIXELS = (
    READ
    + """
import jpegdomain
jpegdomain.decode_rgb(jpegdomain.collate([jpegdomain.read_jpeg(sys.argv[1])]))
"""
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
@pytest.mark.parametrize("place", ["home", "temporary", "chosen"])
def test_code_compiled_ahead_serves_where_nothing_can_be_written_but(place, file, tmp_path):
    """A container's image, compiled when it was built; run by a user who can write to one place, or to none of ours."""
    image = tmp_path / "image"
    outcome(process("-c", FRESH + READ_PIXELS, file, JPEGDOMAIN_CACHE=image))
    for folder in image.iterdir():
        # No user can open a folder for writing.
        (folder / "lock").unlink()
        (folder / "lock").mkdir()
    a_file_in_the_way(tmp_path / "no")
    (tmp_path / "yes").mkdir()
    places = {name: tmp_path / ("yes" if name == place else "no") for name in ("home", "temporary", "chosen")}
    script = FRESH + IN_AN_IMAGE + READ_PIXELS
    options = {"XDG_CACHE_HOME": places["home"], "IMAGE": image, "TEMPORARY": places["temporary"]}
    if place == "chosen":
        options["JPEGDOMAIN_CACHE"] = places["chosen"]
    for _ in range(2):
        printed, said = outcome(process("-c", script, file, **options))
        assert printed.startswith("16×24")
        assert said == ""
    assert {path.name for path in (tmp_path / "yes").rglob("*") if path.name in {"read_sequential", "render"}} == {
        "read_sequential",
        "render",
    }


@pytest.mark.slow
def test_decoders_that_several_processes_compiled_live_together(tmp_path):
    """Years of baseline files, then one progressive file: the linker must not take the one's code for the other's."""
    size, parts = (40, 56), any_parts((40, 56), np.random.default_rng(5))
    generator = np.random.default_rng(6)
    kinds = {
        "baseline": encode(size, parts, sequential_scans(parts, generator)),
        "progressive": encode(size, parts, progressive_scans(parts, generator), progressive=True),
        "arithmetic": encode(size, parts, sequential_scans(parts, generator), coder=Interval),
    }
    expected = b"".join(part.coefficients.tobytes() for part in parts)
    for name, data in kinds.items():
        (tmp_path / name).write_bytes(data)
    for names in (["baseline"], ["progressive"], ["arithmetic"], [*kinds], [*kinds][::-1]):
        results, _ = outcome(process("-c", READ_ALL, *(tmp_path / name for name in names), JPEGDOMAIN_CACHE=tmp_path))
        assert results.split() == [hashlib.sha256(expected).hexdigest()] * len(names)
