"""``info`` and ``check``: describe single files, and list the files of a folder that cannot be used."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from jpegdomain.codec import JpegImage, read_jpeg, read_jpegs
from jpegdomain.codec.segments import SOS, is_frame, segments
from jpegdomain.data.collation import check_color
from jpegdomain.errors import EmptyFolderError, JpegDomainError, UnsupportedJpegError
from jpegdomain.tables import LUMINANCE, nearest_quality

from .report import AsJson, print_json, print_table

__all__ = ["check", "info", "jpeg_files"]

_CODINGS = {
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC9: "arithmetic",
    0xCA: "progressive arithmetic",
}
ENDINGS = "jpg,jpeg"
"""Default extensions, in lower or upper case."""
_TOGETHER = 64
"""Number of files that are read in one call."""


def info(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="JPEG files.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Describe JPEG files: size, sampling, quality, faults."""
    described = [_described(path) for path in files]
    if as_json:
        print_json(described)
    else:
        _show(described)
    if any("error" in row for row in described):
        raise typer.Exit(1)


def _show(described: list[dict[str, Any]]) -> None:
    shown = ("height", "width", "color", "sampling", "coding", "scans", "quality", "orientation", "bytes", "file")
    rows = [{name: row[name] for name in shown} for row in described if "error" not in row]
    if rows:
        print_table(rows, ("height", "width", "scans", "quality", "orientation", "bytes"))
    for row in described:
        for line in (*row.get("warnings", ()), *row.get("damage", ())):
            print(line if line.startswith(row["file"]) else f"{row['file']}: {line}")
        if "error" in row:
            typer.secho(row["error"], fg="red", err=True)


def _described(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        image = read_jpeg(path, on_error="keep")
    except JpegDomainError as error:
        return {"file": str(path), "error": str(error)}
    except OSError as error:
        return {"file": str(path), "error": f"{path}: {error.strerror}"}
    markers = [segment.marker for segment in segments(data)]
    quality, exact = nearest_quality(image.components[0].table, LUMINANCE)
    return {
        "file": str(path),
        "bytes": len(data),
        "height": image.extent.height,
        "width": image.extent.width,
        "color": image.color,
        "sampling": image.sampling,
        "coding": _CODINGS[next(marker for marker in markers if is_frame(marker))],
        "scans": markers.count(SOS),
        "quality": quality if exact else f"≈{quality}",
        "orientation": image.orientation,
        "exif bytes": len(image.exif or b""),
        "icc bytes": len(image.icc or b""),
        "warnings": list(image.warnings),
        "damage": (image.damage or "").splitlines(),
    }


def check(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder; its subfolders are searched, too.", show_default=False)
    ],
    extensions: Annotated[str, typer.Option(help="File name extensions, separated by commas.")] = ENDINGS,
    threads: Annotated[int, typer.Option(min=1, help="Threads for reading.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List the files in a folder that cannot be used, and why."""
    paths = jpeg_files(folder, extensions)
    began = time.perf_counter()
    kinds: Counter[str] = Counter()
    errors: list[dict[str, str]] = []
    warned: list[dict[str, Any]] = []
    for path, result in _all_read(paths, threads):
        if isinstance(result, JpegImage):
            if (reason := _unusable(result)) is not None:
                errors.append({"file": str(path), "kind": "UnsupportedJpegError", "reason": reason})
                continue
            kinds[f"{result.color} {result.sampling}" if result.sampling != "gray" else "gray"] += 1
            if result.warnings:
                warned.append({"file": str(path), "warnings": list(result.warnings)})
        else:
            errors.append({"file": str(path), "kind": type(result).__name__, "reason": str(result)})
    seconds = time.perf_counter() - began
    if as_json:
        print_json(
            {"files": len(paths), "seconds": seconds, "kinds": dict(kinds), "errors": errors, "warnings": warned}
        )
    else:
        for error in errors:
            print(error["reason"])
        for one in warned:
            print(*(f"warning: {one['file']}: {line}" for line in one["warnings"]), sep="\n")
        print_table([{"kind": kind, "files": count} for kind, count in kinds.most_common()], ("files",))
        print(f"{len(paths)} files in {seconds:.1f} s: {len(errors)} cannot be read, {len(warned)} with warnings")
    if errors:
        raise typer.Exit(1)


def jpeg_files(folder: Path, endings: str = ENDINGS) -> list[Path]:
    """List the files below a folder that have one of the extensions, sorted.

    Args:
        folder: The folder; its subfolders are searched, too.
        endings: The extensions, separated by commas; upper and lower case are the same.

    Returns:
        The paths.

    Raises:
        EmptyFolderError: If there are none, or no such folder.
    """
    if not folder.is_dir():
        raise EmptyFolderError(f"{folder}: {'not a' if folder.exists() else 'no such'} folder")
    wanted = {f".{ending.strip().lstrip('.').lower()}" for ending in endings.split(",")}
    paths = sorted(path for path in _files(folder) if path.suffix.lower() in wanted and path.is_file())
    if not paths:
        raise EmptyFolderError(f"{folder}: no files with the extension {' or '.join(sorted(wanted))}")
    return paths


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, following links to folders; a folder that is its own descendant is entered once."""
    entered = {os.path.realpath(folder)}
    for parent, below, names in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if os.path.realpath(Path(parent, name)) not in entered]
        entered.update(os.path.realpath(Path(parent, name)) for name in below)
        yield from (Path(parent, name) for name in names)


def _unusable(image: JpegImage) -> str | None:
    """Return why an image that was read cannot be put in a batch."""
    try:
        check_color(image)
        _ = image.upsampling
    except UnsupportedJpegError as error:
        return str(error)
    return None


def _all_read(paths: list[Path], threads: int) -> Iterator[tuple[Path, Any]]:
    at = range(0, len(paths), _TOGETHER)
    for start in track(at, "reading", console=Console(stderr=True), transient=True):
        part = paths[start : start + _TOGETHER]
        yield from zip(part, read_jpegs(part, threads=threads, return_errors=True), strict=True)
