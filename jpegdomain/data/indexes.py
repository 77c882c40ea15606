"""Indexes that a data set keeps of its files, and images of which no more is read than a crop needs."""

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
    """A file in a data set with indexes, of which its headers have been read: an item's image, for `Collate`.

    Attributes:
        file: What is known of it.
        source: As of `JpegImage`.
    """

    def __init__(self, file: IndexedFile, given: Source, limits: Limits, kept: Path) -> None:
        self.file = file
        self.source = file.source
        self._given, self._limits, self._kept = given, limits, kept

    def limited(self, keep: int) -> "UnreadImage":
        """The image, of which no more than these frequencies will be read: m, 1…8, as for `read_jpeg`."""
        self.file.keep = keep
        return self

    def read(self) -> JpegImage:
        """Read the whole image, as `read_jpeg` does."""
        (image,) = read_jpegs([self._given], keep=self.file.keep, **self._limits._asdict())
        return image

    def read_for(self, geometry: ImageGeometry) -> JpegImage | None:
        """Read what a geometry needs.

        Returns:
            A record that holds the geometry's region; None if the file has changed since it was indexed: its index is
            then removed.
        """
        try:
            return self.file.read(geometry.region(self.file), keep=geometry.keep)
        except JpegIndexError:
            self._kept.unlink(missing_ok=True)
            return None

    def __repr__(self) -> str:
        return f"UnreadImage({self.source!r}, {self.file.extent}, {self.file.color})"


def known_of(image: JpegImage | UnreadImage) -> JpegImage | IndexedFile:
    """What knows an image's size, sampling and orientation."""
    return image.file if isinstance(image, UnreadImage) else image


class IndexFolder:
    """A folder that keeps an index for each file that is worth one.

    Nothing stays in memory, and all processes and threads use the same folder. Sequential files with Huffman code in
    one scan, gray, YCbCr or RGB, without a defect, are indexed when they are first read. Of files below 150 kB the
    whole is read in less time than an index takes to be used; they have none. An index takes some 4 % of its file.

    Args:
        folder: It is made if there is none.
        limits: For all files.

    Attributes:
        folder: Its absolute path.
        smallest: Bytes of the smallest file that gets an index.

    Raises:
        OSError: If it cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], limits: Limits) -> None:
        self.folder = Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self._settings = Settings(BLOCK, **limits._asdict())
        self.smallest = _SMALLEST
        self._full = False

    def open(self, source: Source) -> UnreadImage | None:
        """Open a file by the index that is kept for it; None if there is none, or it is another file's."""
        kept = self._place(source)
        if kept is None:
            return None
        try:
            return self._opened(source, JpegIndex.load(kept), kept)
        except (JpegIndexError, OSError):
            # Made again, if it can be. A missing file is missed when it is to be read.
            return None

    def index(self, source: Source, file: Held) -> UnreadImage | None:
        """Index a file that has been read, and keep the index; None if it has none, or is not worth one."""
        kept = None if self._full else self._place(source)
        if kept is None:
            return None
        # A file without one may be progressive, or damaged: whoever reads it tells.
        index = find_index(file.data)
        # What stands behind the last block is not looked at by an index, but by those who read the whole.
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
            warnings.warn(f"no more indexes are kept in {self.folder}: {error}", RuntimeWarning, stacklevel=2)

    def _opened(self, source: Source, index: JpegIndex, kept: Path) -> UnreadImage | None:
        file = IndexedFile(open_pieces(source), index, self._settings)
        height, width = file.extent
        limit = self._settings.max_pixels
        usable = file.color in MIXING["rgb"] and file.color not in INKS and upsampling_of(file.factors) is not None
        if not usable or file.warnings or (limit is not None and height * width > limit):
            return None
        return UnreadImage(file, source, self._limits, kept)

    def _place(self, source: Source) -> Path | None:
        """Where the index of a file is, or would be; None of small ones, and of what is no path and no bytes."""
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
            # Should two files agree in this, the index of one is not used for the other.
            known = hashlib.blake2b(source[:4096] + source[-4096:], digest_size=16)
        else:
            return None
        name = known.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.jpegindex"
