"""Compiling once: where the code is kept, who waits for whom, and what is said."""

import os
import subprocess
import sys
import time

import pytest

from jpegdomain.codec import cache

from .oracle import jpeg, noise

READ = """
import sys, time
import jpegdomain.codec
start = time.perf_counter()
print(jpegdomain.codec.read_jpeg(sys.argv[1]).extent, time.perf_counter() - start)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(noise(16, 24)))
    return path


def process(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )


def outcome(running):
    """What a process printed; it must have ended well."""
    printed, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    return printed, said


def a_file_in_the_way(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")


def test_the_packages_own_folder_comes_first(monkeypatch, tmp_path):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setattr(cache, "_KERNEL", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache.cache_folder().parent == tmp_path / "__pycache__"
    monkeypatch.setenv("JPEGDOMAIN_CACHE", str(tmp_path / "chosen"))
    assert cache.cache_folder().parent == tmp_path / "chosen"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_then_the_users_cache_then_none(monkeypatch, tmp_path):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setattr(cache, "_KERNEL", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    a_file_in_the_way(tmp_path / "__pycache__")
    assert cache.cache_folder().parent == tmp_path / "home" / "jpegdomain"
    a_file_in_the_way(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache.cache_folder() is None


def test_other_source_code_has_another_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setattr(cache, "_KERNEL", tmp_path)
    (tmp_path / "a.py").write_text("1")
    first = cache.cache_folder()
    assert cache.cache_folder() == first
    (tmp_path / "a.py").write_text("2")
    assert cache.cache_folder() != first


def test_one_process_waits_for_the_other(tmp_path):
    (tmp_path / "lock").touch()
    script = (
        "import sys; from pathlib import Path; from jpegdomain.codec.cache import one_process\n"
        "print('here', flush=True)\n"
        "with one_process(Path(sys.argv[1])): print('mine', flush=True)\n"
    )
    with cache.one_process(tmp_path):
        other = process("-c", script, tmp_path)
        assert other.stdout.readline() == "here\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
    assert outcome(other) == ("mine\n", "")


def test_importing_the_codec_does_not_import_numba():
    script = "import sys, jpegdomain; print('numba' in sys.modules)"
    assert outcome(process("-c", script)) == ("False\n", "")


@pytest.mark.slow
def test_the_first_process_compiles_and_says_so_once(file, tmp_path):
    folder = tmp_path / "kept"
    # Two at a time: one compiles, the other waits and loads.
    both = [process("-c", READ, file, JPEGDOMAIN_CACHE=folder) for _ in range(2)]
    results = [outcome(one) for one in both]
    assert [printed.split()[0] for printed, _ in results] == ["16×24", "16×24"]
    said = sorted(said for _, said in results)
    assert said[0] == ""
    assert said[1].startswith("jpegdomain: compiling the sequential JPEG decoder")
    assert said[1].count("\n") == 1
    printed, said = outcome(process("-c", READ, file, JPEGDOMAIN_CACHE=folder))
    assert said == ""
    assert float(printed.split()[1]) < 2


@pytest.mark.slow
def test_warm_compiles_all_ahead(file, tmp_path):
    folder = tmp_path / "kept"
    _, said = outcome(process("-m", "jpegdomain.codec", "warm", JPEGDOMAIN_CACHE=folder))
    assert "sequential" in said
    assert "progressive" in said
    file.write_bytes(jpeg(noise(16, 24), progressive=True))
    assert outcome(process("-c", READ, file, JPEGDOMAIN_CACHE=folder))[1] == ""
    start = time.perf_counter()
    assert outcome(process("-m", "jpegdomain.codec", "warm", JPEGDOMAIN_CACHE=folder))[1] == ""
    assert time.perf_counter() - start < 30


@pytest.mark.slow
def test_a_spoilt_cache_is_no_reason_to_fail(file, tmp_path):
    folder = tmp_path / "kept"
    outcome(process("-c", READ, file, JPEGDOMAIN_CACHE=folder))
    kept = list(folder.rglob("*.nb?"))
    assert kept
    for path in kept:
        path.write_bytes(b"spoilt")
    printed, said = outcome(process("-c", READ, file, JPEGDOMAIN_CACHE=folder))
    assert printed.startswith("16×24")
    assert "compiling again" in said
    # It is mended, too.
    printed, said = outcome(process("-c", READ, file, JPEGDOMAIN_CACHE=folder))
    assert printed.startswith("16×24")
    assert said == ""


@pytest.mark.parametrize("writable", [True, False])
def test_code_that_can_only_be_read_is_copied(tmp_path, monkeypatch, writable):
    """Compiled ahead by another user, or on a file system that is read-only now."""
    name = f"kernel-{cache._fingerprint()}"
    (tmp_path / "read" / name / "kernel_1").mkdir(parents=True)
    # No user can open a folder for writing.
    (tmp_path / "read" / name / "lock").mkdir()
    for path in ("sequential", "kernel_1/files.nbi", "kernel_1/files.1.nbc"):
        (tmp_path / "read" / name / path).write_text(path)
    candidates = [tmp_path / "read", tmp_path / "written"][: 1 + writable]
    monkeypatch.setattr(cache, "_candidates", lambda: iter(candidates))
    folder = cache.cache_folder()
    assert (folder == tmp_path / "written" / name) is writable
    for path in ("sequential", "kernel_1/files.nbi", "kernel_1/files.1.nbc"):
        assert (folder / path).read_text() == path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_without_a_folder_it_works_and_says_so(file, tmp_path):
    a_file_in_the_way(tmp_path / "home")
    nowhere = "import pathlib, jpegdomain.codec.cache as c; c._KERNEL = pathlib.Path('/dev/null/kernel')\n"
    printed, said = outcome(process("-c", nowhere + READ, file, XDG_CACHE_HOME=tmp_path / "home"))
    assert printed.startswith("16×24")
    assert "no folder to keep it in" in said
    assert said.count("\n") == 1
