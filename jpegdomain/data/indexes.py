"""Indexes that a data set keeps for its files, and images of which only the parts that a crop needs are read."""

import hashlib
import os
import warnings
from pathlib import Path
from typing import Final

from jpegdomain.codec import JpegImage, JpegIndex, read_jpegs
from jpegdomain.codec.decoding import Settings
from jpegdomain.codec.indexed import IndexedFile
from jpegdomain.codec.indexing import find_index
from jpegdomain.codec.pieces import open_pieces
from jpegdomain.codec.records import upsampling_of
from jpegdomain.codec.sources import Held, Source
from jpegdomain.colour import INKS, MIXING
from jpegdomain.errors import JpegIndexError
from jpegdomain.geometry import BLOCK
from jpegdomain.preprocess.image_geometry import ImageGeometry

from .limits import Limits

__all__ = ["IndexFolder", "UnreadImage", "known_of"]

_SMALLEST: Final = 150_000
"""Bytes of the smallest file that is worth an index: see `IndexFolder`."""


class UnreadImage:
    """A file in a data set with indexes, of which only the headers have been read: an item's image, for `Collate`.

    Attributes:
        file: The opened file with its headers.
        source: As in `JpegImage`.
    """

    def __init__(self, file: IndexedFile, given: Source, limits: Limits, kept: Path) -> None:
        self.file = file
        self.source = file.source
        self._given, self._limits, self._kept = given, limits, kept

    def limited(self, keep: int) -> "UnreadImage":
        """The image, limited to reading m×m frequencies per block, m = 1…8, as for `read_jpeg`."""
        self.file.keep = keep
        return self

    def read(self) -> JpegImage:
        """Read the whole image, as `read_jpeg` does."""
        (image,) = read_jpegs([self._given], keep=self.file.keep, **self._limits._asdict())
        return image

    def read_for(self, geometry: ImageGeometry) -> JpegImage | None:
        """Read the parts that a geometry needs.

        Returns:
            A record that contains the geometry's region; None if the file has changed since it was indexed, and its
            index has been removed.
        """
        try:
            return self.file.read(geometry.region(self.file), keep=geometry.keep)
        except JpegIndexError:
            self._kept.unlink(missing_ok=True)
            return None

    def __repr__(self) -> str:
        return f"UnreadImage({self.source!r}, {self.file.extent}, {self.file.color})"


def known_of(image: JpegImage | UnreadImage) -> JpegImage | IndexedFile:
    """The object that has an image's size, sampling and orientation."""
    return image.file if isinstance(image, UnreadImage) else image


class IndexFolder:
    """A folder that keeps an index for each file that is worth one.

    Nothing stays in memory, and all processes and threads use the same folder. Files are indexed when they are first
    read, if they are gray, YCbCr or RGB, sequential with Huffman coding in one scan, and without a defect. Files below
    150 kB get no index, since reading them completely takes less time than using one. An index takes about 4 % of its
    file's size.

    Args:
        folder: The folder; it is created if necessary.
        limits: Limits for all files.

    Attributes:
        folder: The folder's absolute path.
        smallest: Size in bytes of the smallest file that gets an index.

    Raises:
        OSError: If the folder cannot be created.
    """

    def __init__(self, folder: str | os.PathLike[str], limits: Limits) -> None:
        self.folder = Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self._settings = Settings(BLOCK, **limits._asdict())
        self.smallest = _SMALLEST
        self._full = False

    def open(self, source: Source) -> UnreadImage | None:
        """Open a file with the index that is kept for it; None if there is none, or it belongs to another file."""
        kept = self._place(source)
        if kept is None:
            return None
        try:
            return self._opened(source, JpegIndex.load(kept), kept)
        except (JpegIndexError, OSError):
            # The index is made again if possible. A missing file raises an error when it is read.
            return None

    def index(self, source: Source, file: Held) -> UnreadImage | None:
        """Index a file that has been read, and keep the index; None if it cannot be indexed, or is not worth it."""
        kept = None if self._full else self._place(source)
        if kept is None:
            return None
        # A file without one may be progressive, or damaged: reading it tells.
        index = find_index(file.data)
        # Reading with an index does not check data after the last block, but reading the whole file does.
        if index is None or len(index.scans) > 1 or not index.scans[0].ends_the_file(file.data):
            return None
        unread = self._opened(file, index, kept)
        if unread is not None:
            self._keep(index, kept)
        return unread

    def _keep(self, index: JpegIndex, kept: Path) -> None:
        try:
            kept.parent.mkdir(exist_ok=True)
            index.save(kept)
        except OSError as error:
            self._full = True
            warnings.warn(f"no more indexes will be written to {self.folder}: {error}", RuntimeWarning, stacklevel=2)

    def _opened(self, source: Source, index: JpegIndex, kept: Path) -> UnreadImage | None:
        file = IndexedFile(open_pieces(source), index, self._settings)
        height, width = file.extent
        limit = self._settings.max_pixels
        usable = file.color in MIXING["rgb"] and file.color not in INKS and upsampling_of(file.factors) is not None
        if not usable or file.warnings or (limit is not None and height * width > limit):
            return None
        return UnreadImage(file, source, self._limits, kept)

    def _place(self, source: Source) -> Path | None:
        """Where a file's index is, or would be; None for small files, and sources that are neither paths nor bytes."""
        if isinstance(source, str | os.PathLike):
            try:
                path = Path(os.fsdecode(source)).absolute()
                if path.stat().st_size < self.smallest:
                    return None
            except (OSError, ValueError):
                return None
            known = hashlib.blake2b(os.fsencode(path), digest_size=16)
        elif isinstance(source, bytes):
            if len(source) < self.smallest:
                return None
            # Even if two files have the same key, the index of one is not used for the other.
            known = hashlib.blake2b(source[:4096] + source[-4096:], digest_size=16)
        else:
            return None
        name = known.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.jpegindex"
