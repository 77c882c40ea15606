"""The folder that keeps compiled code, so that a machine compiles once, and the lock that ensures it."""

import atexit
import functools
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm
import numba

from .kernels import KernelPackage

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["cache_folder", "discard", "one_process"]

_JIT: Final = Path(__file__).with_name("jit.py")


def cache_folder(package: KernelPackage) -> Path | None:
    """Find a folder for a package's compiled code that this process can write to.

    Returns:
        A folder for this source code, Numba and processor: below ``JPEGDOMAIN_CACHE`` if that is set, else the
        package's own ``__pycache__``, else the user's cache folder, else a temporary one if there is code to put into
        it; None if none of them can be written. What was compiled ahead in a folder that this process can only read
        is copied into the one that it can write: Numba wants to write where it reads.
    """
    try:
        name = f"{package.name}-{_fingerprint(package)}"
    except (OSError, RuntimeError):
        # A source that cannot be read, or a processor without a name.
        return None
    ready: Path | None = None
    for parent in _candidates(package):
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("ab"):
                return _filled(folder, ready)
        except OSError:
            ready = ready or (folder if _is_readable(folder) else None)
    return None if ready is None else _filled(_temporary(), ready)


def _is_readable(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


@functools.cache
def _temporary() -> Path:
    """Make a folder that lasts as long as this process."""
    folder = tempfile.mkdtemp(prefix="jpegdomain-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _filled(folder: Path, ready: Path | None) -> Path:
    if ready is not None and not any(folder.rglob("*.nbi")):
        # Contents alone: the folders' permissions are what kept this process from writing there.
        with suppress(OSError):
            for path in filter(Path.is_file, ready.rglob("*")):
                target = folder / path.relative_to(ready)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    return folder


def discard(folder: Path) -> None:
    """Remove code that cannot be used, so that no other process tries it."""
    with suppress(OSError):
        for path in [*folder.rglob("*.nbi"), *folder.rglob("*.nbc")]:
            path.unlink(missing_ok=True)


@contextmanager
def one_process(folder: Path) -> Iterator[None]:
    """Keep other processes from compiling into a folder; on systems without such locks, the last one's code stays."""
    with (folder / "lock").open("ab") as file:
        if fcntl is not None:
            # Where the file system knows no locks, go on without one.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _candidates(package: KernelPackage) -> Iterator[Path]:
    if chosen := os.environ.get("JPEGDOMAIN_CACHE"):
        yield Path(chosen)
    yield package.folder / "__pycache__"
    # RuntimeError: a user without a home.
    try:
        home = Path.home()
    except RuntimeError:
        return
    if sys.platform == "win32":
        yield Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local")) / "jpegdomain"
    elif sys.platform == "darwin":
        yield home / "Library/Caches/jpegdomain"
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "jpegdomain"


def _fingerprint(package: KernelPackage) -> str:
    """Hash all that compiled code depends on. Numba itself looks at one source file's date only."""
    known = hashlib.sha256()
    for path in [*sorted(package.folder.glob("*.py")), *package.others, _JIT]:
        known.update(path.read_bytes())
    settings: Any = numba.config
    for fact in (
        numba.__version__,
        settings.BOUNDSCHECK,
        settings.OPT,
        sys.version,
        platform.machine(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        # The processor that NUMBA_CPU_NAME and others name in place of this one.
        settings.CPU_NAME,
        settings.CPU_FEATURES,
        settings.ENABLE_AVX,
        # Numba keeps code by the path of its source: each installation has a folder of its own.
        package.folder.resolve(),
    ):
        known.update(str(fact).encode())
    return known.hexdigest()[:16]
