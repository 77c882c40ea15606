"""A file with an index: its headers are read and compared with the index, and only the data that is needed."""

import zlib
from dataclasses import replace

import numpy as np

from jpegdomain.errors import JpegIndexError
from jpegdomain.geometry import Extent

from .building import layout_of, warnings_of
from .decoding import Settings
from .entering import Job, Scan, decode_runs, grid_of, jobs_of, memory_for, runs_of
from .index import JpegIndex, ScanIndex
from .kernel import layout as L
from .kernel.layout import Integers
from .metadata import NO_METADATA, Color, metadata_of
from .pieces import Pieces
from .records import JpegImage, component_extents, upsampling_in
from .region_reading import as_array, lay_out, record_of, state_behind_header
from .regions import Region, Span

__all__ = ["IndexedFile"]


class IndexedFile:
    """A file whose headers have been read, and agree with its index.

    Args:
        pieces: The file.
        index: The file's index.
        settings: The options for reading it.

    Attributes:
        source: As in `JpegImage`, like the following.
        extent: Height and width of the whole image.
        color: The colour model.
        orientation: The EXIF orientation.
        factors: Each component's sampling factors.
        extents: Each component's extent.
        keep: The largest number of frequencies along each side of a block to read; it may be lowered.

    Raises:
        JpegIndexError: If the index belongs to another file, or the file has changed.
    """

    def __init__(self, pieces: Pieces, index: JpegIndex, settings: Settings) -> None:
        self.source, self.keep = pieces.name, settings.keep
        self._pieces, self._index, self._settings = pieces, index, settings
        self._quant = np.ones((1, 4, 64), np.uint16)
        self._heads = _heads(pieces, index)
        # The data of the scans is not in the heads, so its length must not be checked.
        self._states = [state_behind_header(head, L.KEEP, self._quant) for head in self._heads]
        seen: set[int] = set()
        for state in self._states:
            if state[L.OUTCOME] != L.NEEDS_ROOM:
                raise JpegIndexError(_mismatch(self.source))
            seen.update(state[L.PART : L.PART + int(state[L.PARTS])].tolist())
        self._report: list[int] = self._states[0].tolist()
        if len(seen) < self._report[L.COUNT]:
            raise JpegIndexError(_mismatch(self.source))
        layout = layout_of(self._report, settings.keep)
        self.extent: Extent = layout.extent
        self.color: Color = layout.color
        self.factors = tuple(factors for _, factors, _ in layout.parts)
        self.extents = component_extents(self.extent, self.factors)
        described = self._report[L.EXIF] or self._report[L.ICC]
        self.orientation: int = (metadata_of(self._heads[0]) if described else NO_METADATA).orientation

    @property
    def upsampling(self) -> tuple[tuple[int, int], ...]:
        """As in `JpegImage`."""
        return upsampling_in(self.factors, self.source)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Violations of the standard in the headers, as in `JpegImage`."""
        return warnings_of(self._states[0])

    def read(self, region: Region | None, *, keep: int | None = None, threads: int = 1) -> JpegImage:
        """Read a region, or the whole for None.

        Args:
            region: As for `read_jpeg`.
            keep: As for `read_jpeg`; the attribute `keep` if None.
            threads: As for `read_jpeg`.

        Returns:
            The record.

        Raises:
            JpegIndexError: If the data has changed since it was indexed.
            JpegTooLargeError: If the region has more than ``max_pixels``.
        """
        settings = replace(self._settings, keep=keep or self.keep)
        span, layout = lay_out(self._heads[0], self._report, self.source, region, settings)
        jobs: list[Job] = []
        for head, state, scan in zip(self._heads, self._states, self._index.scans, strict=True):
            jobs += self._jobs(scan, head, state, span, threads)
        out = memory_for(layout, jobs)
        if not decode_runs(jobs, layout, out, settings, threads):
            raise JpegIndexError(_mismatch(self.source))
        quant = self._quant.copy()
        return record_of(self._heads[0], self.source, self._report, span, layout, out, quant, region, self.warnings)

    def _jobs(self, given: ScanIndex, head: bytes, state: Integers, span: Span, threads: int) -> list[Job]:
        every, entries = self._index.every, given.entries
        grid = grid_of(state, span)
        total = grid.rows * grid.columns
        if -(-total // every) != len(entries) - 1 or given.parts != state[L.PARTS]:
            raise JpegIndexError(_mismatch(self.source))
        scan = Scan(as_array(head), state, grid, entries, every)
        runs = runs_of(grid, np.minimum(every * np.arange(len(entries)), total), 4 * threads)
        starts = entries[runs[:, L.RUN_FROM], L.ENTRY_AT]
        # The last byte may be an FF, followed by a 00.
        stops = np.minimum(entries[runs[:, L.RUN_TO], L.ENTRY_AT] + 2, given.stop)
        if starts.min() < given.start or (stops < starts).any():
            raise JpegIndexError(_mismatch(self.source))
        data, runs[:, L.RUN_SHIFT] = self._pieces.gather(starts, stops)
        return jobs_of(scan, data, runs, threads)


def _heads(pieces: Pieces, index: JpegIndex) -> list[bytes]:
    """Return, for each scan, the data before its own, without other scans' headers and data."""
    before, heads, checksum, at = b"", [], 0, 0
    if pieces.size != index.size or not index.scans or index.every < 1:
        raise JpegIndexError(_mismatch(pieces.name))
    for scan in index.scans:
        if not at <= scan.header <= scan.start <= scan.stop <= index.size:
            raise JpegIndexError(_mismatch(pieces.name))
        piece = pieces.read(at, scan.start)
        checksum = zlib.crc32(piece, checksum)
        heads.append(before + piece)
        before += piece[: scan.header - at]
        at = scan.stop
    if checksum != index.headers:
        raise JpegIndexError(_mismatch(pieces.name))
    return heads


def _mismatch(name: str) -> str:
    return f"{name} is not the file that was indexed, or has changed: make the index again with index_jpeg"
