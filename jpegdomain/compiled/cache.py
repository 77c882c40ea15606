"""The folder that keeps compiled code, so that a machine compiles once, and the lock that ensures it."""

import hashlib
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm
import numba

from jpegdomain.storing import put_in_place

from .kernels import KernelPackage

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["cache_folder", "code_for_others", "discard", "note_processor", "one_process"]

_OPTIONS: Final = [Path(__file__).with_name(name) for name in ("jit.py", "shortcuts.py")]
"""Settings that determine how a source file is compiled."""
_NOTE: Final = "processor"


def cache_folder(package: KernelPackage) -> Path | None:
    """Find a folder for a package's compiled code that this process can write to.

    Returns:
        A folder for this source code, Numba and processor: below ``JPEGDOMAIN_CACHE`` if that is set, else the
        package's own ``__pycache__``, else the user's cache folder, else a folder of the user's own among the temporary
        files; None if none of them is writable. Code that was compiled ahead in any of the others is copied into it,
        since Numba must be able to write where it reads.
    """
    try:
        name = f"{package.name}-{_fingerprint(package)}"
    except (OSError, RuntimeError):
        # A source file that cannot be read, or a processor without a name.
        return None
    folders = [parent / name for parent in _candidates(package)]
    for folder in folders:
        with suppress(OSError):
            return _filled(_opened(folder), folders)
    with suppress(OSError):
        return _filled(_opened(_temporary() / name), folders)
    return None


def _opened(folder: Path) -> Path:
    """Make a folder; raise OSError if this process cannot write there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab"):
        return folder


def code_for_others(package: KernelPackage) -> str | None:
    """Return the processor that a package was compiled ahead for, if it is not this one."""
    own = _processor()
    for parent in _candidates(package):
        with suppress(OSError):
            for note in sorted(parent.glob(f"{package.name}-*/{_NOTE}")):
                other = note.read_text().strip()
                if other != own and any(note.parent.rglob("*.nbi")):
                    return f"the code in {note.parent} is for the processor {other}, but this one is {own}"
    return None


def note_processor(folder: Path) -> None:
    """Record which processor the code in a folder is for."""
    (folder / _NOTE).write_text(f"{_processor()}\n")


def _processor() -> str:
    settings: Any = numba.config
    return str(settings.CPU_NAME or llvm.get_host_cpu_name())


def _filled(folder: Path, others: Iterable[Path]) -> Path:
    """Copy code that a folder lacks from the other folders: contents only, as their permissions may forbid writing."""
    for other in others:
        # An index is copied after the files that it lists, and the mark of completeness last.
        for pattern in ("*.nbc", "*.nbi", "*"):
            for path in _listed(other, pattern):
                target = folder / path.relative_to(other)
                # A file that cannot be copied is compiled again; the others are used all the same.
                with suppress(OSError):
                    if not target.exists():
                        data = path.read_bytes()
                        target.parent.mkdir(parents=True, exist_ok=True)
                        put_in_place(target, data)
    return folder


def _listed(folder: Path, pattern: str) -> list[Path]:
    """A folder's files, except those that another process is writing; none if it cannot be read."""
    with suppress(OSError):
        return [path for path in folder.rglob(pattern) if path.name[0] != "." and path.is_file()]
    return []


def discard(folder: Path) -> None:
    """Remove code that cannot be used, so that no other process tries it."""
    with suppress(OSError):
        for path in [*folder.rglob("*.nbi"), *folder.rglob("*.nbc")]:
            path.unlink(missing_ok=True)


@contextmanager
def one_process(folder: Path) -> Iterator[None]:
    """Keep other processes from compiling into a folder; on systems without such locks, the last one to finish wins."""
    with (folder / "lock").open("ab") as file:
        if fcntl is not None:
            # If the file system has no locks, continue without one.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _temporary() -> Path:
    """Return the user's folder among the temporary files; raise OSError if another user owns it or can write to it."""
    folder = Path(tempfile.gettempdir()) / f"jpegdomain-{os.getuid() if hasattr(os, 'getuid') else ''}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if hasattr(os, "getuid") and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022
    ):
        # Anyone who can write there could make this process run arbitrary code.
        raise PermissionError(f"{folder} belongs to another user, or others can write to it")
    return folder


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
    """Hash everything that compiled code depends on. Numba itself checks only one source file's date."""
    known = hashlib.sha256()
    for path in [*sorted(package.folder.glob("*.py")), *package.others, *_OPTIONS]:
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
        # The processor that NUMBA_CPU_NAME and related variables name instead of this one.
        settings.CPU_NAME,
        settings.CPU_FEATURES,
        settings.ENABLE_AVX,
        # Numba keeps code by the path of its source: each installation has a folder of its own.
        package.folder.resolve(),
    ):
        known.update(str(fact).encode())
    return known.hexdigest()[:16]
