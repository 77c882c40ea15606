"""`JpegFolder`: one subfolder of JPEG files per class, like torchvision's ``ImageFolder``."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

from jpegdomain.codec import MAX_PIXELS, MAX_SCANS
from jpegdomain.errors import EmptyClassWarning, EmptyFolderError

from .dataset import JpegDataset, OnBroken

__all__ = ["JpegFolder"]

_JPEG: Final = (".jpg", ".jpeg")


class JpegFolder(JpegDataset):
    """The JPEG files ``root/CLASS/…/NAME.jpg``, at any depth, with the class as label.

    Classes and files are in the order of ``torchvision.datasets.ImageFolder``: a file has the same position and label
    in both, if the folder holds only JPEG files. A subfolder without JPEG files is also a class, as with torchvision's
    ``allow_empty=True``; an `EmptyClassWarning` names it.

    Args:
        root: The folder.
        preprocess: As for `JpegDataset`.
        keep: As for `JpegDataset`.
        on_error: As for `JpegDataset`.
        target_transform: A function of the class number that returns the label to use.
        extensions: One or several, in upper or lower case; files with others are ignored. None takes every file. By
            default .jpg and .jpeg, and with `other_formats` also .png and .webp.
        max_pixels: As for `JpegDataset`.
        max_scans: As for `JpegDataset`.
        strict: As for `JpegDataset`.
        other_formats: As for `JpegDataset`.
        indexes: As for `JpegDataset`.

    Attributes:
        root: The folder, as given.
        classes: The subfolders' names, sorted.
        class_to_idx: A dict from class name to class number.
        samples: (path, class number) of each file.
        targets: The class number of each file.

    Raises:
        EmptyFolderError: If the folder does not exist, has no subfolders, or none of them holds such files.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        preprocess: object = None,
        keep: int | None = None,
        on_error: OnBroken = "raise",
        target_transform: Callable[[Any], Any] | None = None,
        extensions: str | Sequence[str] | None = _JPEG,
        max_pixels: int | None = MAX_PIXELS,
        max_scans: int = MAX_SCANS,
        strict: bool = False,
        other_formats: bool = False,
        indexes: str | os.PathLike[str] | None = None,
    ) -> None:
        # torchvision takes longer to import than this package.
        from torchvision.datasets.folder import find_classes, make_dataset

        if extensions is _JPEG and other_formats:
            extensions = (*_JPEG, ".png", ".webp")
        given = (extensions,) if isinstance(extensions, str) else extensions
        wanted = (
            {"is_valid_file": lambda _: True}
            if given is None
            # torchvision compares them with lower-case file names.
            else {"extensions": tuple(extension.lower() for extension in given)}
        )
        try:
            self.classes, self.class_to_idx = find_classes(root)
            self.samples: list[tuple[str, int]] = make_dataset(root, self.class_to_idx, allow_empty=True, **wanted)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise EmptyFolderError(
                f"JpegFolder reads one subfolder of JPEG files per class: {error}; for a list of files use JpegDataset"
            ) from error
        filled = {number for _, number in self.samples}
        empty = [name for name, number in self.class_to_idx.items() if number not in filled]
        if not self.samples:
            raise EmptyFolderError(f"{root}: there are no {_kinds(given)} files in its subfolders {_listed(empty)}")
        if empty:
            warnings.warn(f"{root}: no {_kinds(given)} files in {_listed(empty)}", EmptyClassWarning, stacklevel=2)
        self.root = root
        super().__init__(
            [path for path, _ in self.samples],
            [number for _, number in self.samples],
            preprocess=preprocess,
            keep=keep,
            on_error=on_error,
            target_transform=target_transform,
            max_pixels=max_pixels,
            max_scans=max_scans,
            strict=strict,
            other_formats=other_formats,
            indexes=indexes,
        )

    def __repr__(self) -> str:
        return f"JpegFolder({os.fspath(self.root)!r}: {len(self)} files of {len(self.classes)} classes)"


def _kinds(extensions: Sequence[str] | None) -> str:
    return "any" if extensions is None else " or ".join(extensions)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
