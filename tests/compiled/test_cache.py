"""Where compiled code is kept, what makes it stale, and which process waits for which."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from jpegdomain.compiled import CompiledFunction, KernelPackage, cache, kernel_packages
from jpegdomain.errors import JpegDomainError

from .processes import a_file_in_the_way, outcome, process

SOURCE = """
def add(a, b):
    a[0] += b
"""


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Return a package that only the test knows."""
    monkeypatch.setattr("jpegdomain.compiled.kernels._packages", [])
    monkeypatch.setattr("jpegdomain.compiled.kernels._said", [])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return KernelPackage("made", "made_kernels", tmp_path)


def test_the_packages_own_folder_comes_first(monkeypatch, tmp_path, package):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache.cache_folder(package).parent == tmp_path / "__pycache__"
    monkeypatch.setenv("JPEGDOMAIN_CACHE", str(tmp_path / "chosen"))
    assert cache.cache_folder(package).parent == tmp_path / "chosen"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_then_the_users_cache_then_a_temporary_one_then_none(monkeypatch, tmp_path, package):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    a_file_in_the_way(tmp_path / "__pycache__")
    assert cache.cache_folder(package).parent == tmp_path / "home" / "jpegdomain"
    a_file_in_the_way(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    temporary = cache.cache_folder(package).parent
    assert temporary == tmp_path / "temporary" / f"jpegdomain-{os.getuid()}"
    assert temporary.stat().st_mode & 0o777 == 0o700
    # A folder that others can write to, or that is a link to another, is not this user's.
    temporary.chmod(0o777)
    assert cache.cache_folder(package) is None
    temporary.rename(tmp_path / "real")
    (tmp_path / "real").chmod(0o700)
    temporary.symlink_to(tmp_path / "real")
    assert cache.cache_folder(package) is None


def test_changed_source_code_has_another_folder(monkeypatch, tmp_path, package):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    (tmp_path / "a.py").write_text("1")
    first = cache.cache_folder(package)
    assert cache.cache_folder(package) == first
    (tmp_path / "a.py").write_text("2")
    assert cache.cache_folder(package) != first


@pytest.mark.parametrize(("setting", "value"), [("CPU_NAME", "generic"), ("CPU_FEATURES", ""), ("ENABLE_AVX", 0)])
def test_code_for_another_processor_has_another_folder(monkeypatch, package, setting, value):
    """NUMBA_CPU_NAME and related variables choose another processor than this one."""
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    # The tests themselves may run for another processor.
    for name, none in (("CPU_NAME", None), ("CPU_FEATURES", None), ("ENABLE_AVX", 1)):
        monkeypatch.setattr(f"numba.config.{name}", none)
    before = cache.cache_folder(package)
    monkeypatch.setattr(f"numba.config.{setting}", value)
    assert cache.cache_folder(package) not in (None, before)


def test_packages_do_not_make_one_another_stale(tmp_path, monkeypatch):
    monkeypatch.delenv("JPEGDOMAIN_CACHE", raising=False)
    monkeypatch.setattr("jpegdomain.compiled.kernels._packages", [])
    beside = tmp_path / "beside.py"
    beside.write_text("1")
    pair = [KernelPackage("one", "one", tmp_path / "one", (beside,)), KernelPackage("two", "two", tmp_path / "two")]
    for one in pair:
        one.folder.mkdir()
    assert kernel_packages() == tuple(pair)
    before = [cache.cache_folder(one) for one in pair]
    beside.write_text("2")
    after = [cache.cache_folder(one) for one in pair]
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.slow
def test_one_process_waits_for_the_other(tmp_path):
    (tmp_path / "lock").touch()
    script = (
        "import sys; from pathlib import Path; from jpegdomain.compiled.cache import one_process\n"
        "print('here', flush=True)\n"
        "with one_process(Path(sys.argv[1])): print('mine', flush=True)\n"
    )
    with cache.one_process(tmp_path):
        other = process("-c", script, tmp_path)
        assert other.stdout.readline() == "here\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
    assert outcome(other) == ("mine\n", "")


@pytest.mark.parametrize("order", ["read-only first", "writable first"])
def test_code_that_was_compiled_ahead_is_copied(tmp_path, monkeypatch, package, order):
    """Code compiled by another user, or in a file system that is now read-only, is copied to any writable folder."""
    names = [f"{one.name}-{cache._fingerprint(one)}" for one in (package, KernelPackage("two", "two", tmp_path))]
    kept = ("read_sequential", "kernel_1/files.nbi", "kernel_1/files.1.nbc")
    for name in names:
        (tmp_path / "read" / name / "kernel_1").mkdir(parents=True)
        if order == "read-only first":
            # No user can open a folder for writing.
            (tmp_path / "read" / name / "lock").mkdir()
        for path in kept:
            (tmp_path / "read" / name / path).write_text(path)
    candidates = [tmp_path / "read", tmp_path / "written"][:: 1 if order == "read-only first" else -1]
    monkeypatch.setattr(cache, "_candidates", lambda _: iter(candidates))
    # Code that was compiled here is kept.
    (tmp_path / "written" / names[0] / "kernel_1").mkdir(parents=True)
    (tmp_path / "written" / names[0] / "kernel_1/files.nbi").write_text("own")
    for one, name in zip(kernel_packages(), names, strict=True):
        folder = cache.cache_folder(one)
        assert folder == tmp_path / "written" / name
        expected = ["own" if path.endswith("nbi") and one is package else path for path in kept]
        assert [(folder / path).read_text() for path in kept] == expected


def test_a_function_is_compiled_when_it_is_requested(tmp_path, monkeypatch, package, capsys):
    monkeypatch.setenv("JPEGDOMAIN_CACHE", str(tmp_path / "kept"))
    sources = tmp_path / "made_kernels"
    sources.mkdir()
    (sources / "__init__.py").touch()
    (sources / "sums.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    function = CompiledFunction(package, "sums", "add", lambda types: types.void(types.int64[::1], types.int64), "sums")
    assert not function.is_loaded
    assert package.functions == [function]
    numbers = np.array([1, 2])
    function(numbers, 4)
    assert numbers.tolist() == [5, 2]
    assert function.is_loaded
    folder = cache.cache_folder(package)
    assert capsys.readouterr().err == (
        f"jpegdomain: compiling sums, about 1 s, once; kept in {folder}; `jpegdomain warm` compiles ahead of time\n"
    )
    assert (folder / "add").exists()
    assert list(folder.rglob("*.nbc"))
    with pytest.raises(TypeError, match="No matching definition"):
        function(numbers.astype(np.float32), 4)


def test_code_for_another_processor_is_reported(tmp_path, monkeypatch, package):
    monkeypatch.setenv("JPEGDOMAIN_CACHE", str(tmp_path / "kept"))
    assert cache.code_for_others(package) is None
    folder = tmp_path / "kept" / "made-0123"
    folder.mkdir(parents=True)
    (folder / "a.nbi").touch()
    monkeypatch.setattr("numba.config.CPU_NAME", "znver3")
    cache.note_processor(folder)
    assert cache.code_for_others(package) is None
    monkeypatch.setattr("numba.config.CPU_NAME", "generic")
    assert (
        cache.code_for_others(package) == f"the code in {folder} is for the processor znver3, but this one is generic"
    )


@pytest.mark.parametrize("compiled_before", [False, True])
def test_a_function_can_be_called_from_c(tmp_path, monkeypatch, package, compiled_before):
    monkeypatch.setenv("JPEGDOMAIN_CACHE", str(tmp_path / "kept"))
    sources = tmp_path / "made_kernels"
    sources.mkdir()
    (sources / "__init__.py").touch()
    (sources / "twice.py").write_text("def twice(a):\n    return 2 * a\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_kernels", raising=False)
    monkeypatch.delitem(sys.modules, "made_kernels.twice", raising=False)
    signature = lambda types: types.int64(types.int64)  # noqa: E731
    for _ in range(1 + compiled_before):
        # A second one for the same function finds the first one's code in the folder.
        function = CompiledFunction(package, "twice", "twice", signature, from_c=True)
        address = function.address()
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(21) == 42


def test_copied_code_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "from" / "deep").mkdir(parents=True)
    for name in ("a.nbc", "a.nbi", "deep/b.nbi"):
        (tmp_path / "from" / name).write_bytes(name.encode())
        (tmp_path / "from" / name).chmod(0o600)
    before = os.umask(0o022)
    try:
        cache._filled(tmp_path / "to", [tmp_path / "from"])
    finally:
        os.umask(before)
    copied = {path.relative_to(tmp_path / "to").as_posix(): path for path in (tmp_path / "to").rglob("*.nb?")}
    assert {name: path.read_bytes() for name, path in copied.items()} == {
        name: name.encode() for name in ("a.nbc", "a.nbi", "deep/b.nbi")
    }
    assert {path.stat().st_mode & 0o777 for path in copied.values()} == {0o644}


def test_a_file_that_cannot_be_read_leaves_nothing_and_stops_no_other(tmp_path, monkeypatch):
    (tmp_path / "from").mkdir()
    for name in ("a.nbi", "b.nbi", "c.nbi", ".d.nbi.0123"):
        (tmp_path / "from" / name).write_bytes(name.encode())
    read = type(tmp_path).read_bytes

    def refusing(path):
        if path.name == "a.nbi":
            raise PermissionError(path)
        return read(path)

    monkeypatch.setattr(type(tmp_path), "read_bytes", refusing)
    for _ in range(2):
        cache._filled(tmp_path / "to", [tmp_path / "from", tmp_path / "nowhere"])
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["b.nbi", "c.nbi"]


def test_python_without_a_gil_is_refused(monkeypatch, package):
    function = CompiledFunction(package, "any", "any", lambda types: types.void())
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(JpegDomainError, match="PYTHON_GIL=1"):
        function()
