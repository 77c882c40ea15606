"""Scan headers: whether a file's sequence of scans is one that the standard allows (T.81 B.2.3, G.1.1.1)."""

from typing import Final

from jpegdomain.errors import DamagedJpegError, TruncatedJpegError
from jpegdomain.geometry import block_count

from .coding import CodingTables
from .complaints import complaint
from .frame import Frame, FrameComponent
from .segments import Segment

__all__ = ["ScanLog"]

_LARGEST_MCU: Final = 10
_LARGEST_SHIFT: Final = 13
_NEVER_SENT: Final = -1


class ScanLog:
    """Follows the scans of one frame and refuses the first that cannot be decoded.

    A decoder that meets such a scan guesses; this package does not, because a guess changes the data.
    """

    def __init__(self, frame: Frame, source: str) -> None:
        self._frame = frame
        self._source = source
        # For each component and zigzag position: the lowest bit sent so far (point transform Al).
        self._sent = {component.identifier: [_NEVER_SENT] * 64 for component in frame.components}

    def add(self, segment: Segment, tables: CodingTables) -> tuple[FrameComponent, ...]:
        """Check one scan.

        Args:
            segment: An SOS segment with its entropy-coded data.
            tables: The tables in force there.

        Returns:
            The scan's components that no scan before has brought anything of.

        Raises:
            DamagedJpegError: If the scan's parameters are illegal, a Huffman table is missing, the restart
                markers do not fit the interval, or the data is too short for the blocks.
        """
        payload = segment.payload
        count = payload[0] if payload else 0
        if not 1 <= count <= len(self._frame.components) or len(payload) != 4 + 2 * count:
            raise self._damaged("a scan header has the wrong length", segment)
        by_identifier = {component.identifier: component for component in self._frame.components}
        chosen = payload[1 : 1 + 2 * count : 2]
        if len(set(chosen)) < count or any(identifier not in by_identifier for identifier in chosen):
            raise self._damaged("a scan names a component twice, or one that the frame has not", segment)
        components = tuple(by_identifier[identifier] for identifier in chosen)
        if count > 1 and sum(v * h for v, h in (part.factors for part in components)) > _LARGEST_MCU:
            raise self._damaged(f"an interleaved scan has more than {_LARGEST_MCU} blocks in an MCU", segment)

        fresh = tuple(part for part in components if self._sent[part.identifier][0] == _NEVER_SENT)
        first, last = payload[-3], payload[-2]
        high, low = divmod(payload[-1], 16)
        self._check_band(components, first, last, high, low, segment)
        for part, slots in zip(components, payload[2 : 2 + 2 * count : 2], strict=True):
            self._check_huffman(divmod(slots, 16), first, last, high, tables, segment)
            self._sent[part.identifier][first : last + 1] = [low] * (last + 1 - first)
        self._check_restarts(components, segment, tables.restart_interval)
        if fresh:
            self._check_length(components, segment)
        return fresh

    def check_complete(self) -> None:
        """Check, at the end of the image, that every component has come.

        The lowest bits of a progressive file may be missing: the standard does not ask that all be sent.

        Raises:
            TruncatedJpegError: If a component has not even its DC coefficients.
        """
        for identifier, sent in self._sent.items():
            if sent[0] == _NEVER_SENT:
                raise TruncatedJpegError(complaint(self._source, f"no scan holds component {identifier}"))

    def _check_band(
        self,
        components: tuple[FrameComponent, ...],
        first: int,
        last: int,
        high: int,
        low: int,
        segment: Segment,
    ) -> None:
        """Check the spectral selection and successive approximation (B.2.3 and G.1.1.1).

        Args:
            components: Those of the scan.
            first: Ss, a zigzag position.
            last: Se, a zigzag position.
            high: Ah, the point transform of the scan before.
            low: Al, that of this scan.
            segment: The scan, for messages.

        Raises:
            DamagedJpegError: If the frame's mode forbids them, or they do not continue the scans before.
        """
        if self._frame.progressive:
            legal = last == 0 if first == 0 else first <= last <= 63 and len(components) == 1
            legal = legal and low <= _LARGEST_SHIFT and (high == 0 or low == high - 1)
        else:
            legal = (first, last, high, low) == (0, 63, 0, 0)
        if not legal:
            raise self._damaged(f"a scan with Ss {first}, Se {last}, Ah {high}, Al {low} is not allowed here", segment)
        for component in components:
            sent = self._sent[component.identifier]
            if first > 0 and sent[0] == _NEVER_SENT:
                raise self._damaged(f"component {component.identifier} has AC before DC coefficients", segment)
            # Ah is 0 both in a band's first scan and in a refinement, impossible, of a band that is complete.
            expected = {_NEVER_SENT} if high == 0 else {high}
            if not expected.issuperset(sent[first : last + 1]):
                raise self._damaged(
                    f"a scan does not continue those before of component {component.identifier}", segment
                )

    def _check_huffman(
        self, slots: tuple[int, int], first: int, last: int, high: int, tables: CodingTables, segment: Segment
    ) -> None:
        # A scan that refines DC sends plain bits (G.1.2.1).
        needed = ([(0, slots[0])] if first == 0 and high == 0 else []) + ([(1, slots[1])] if last > 0 else [])
        for kind, slot in needed:
            if (kind, slot) not in tables.huffman:
                raise self._damaged(f"a scan needs {'AC' if kind else 'DC'} Huffman table {slot}, not defined", segment)

    def _check_restarts(self, components: tuple[FrameComponent, ...], segment: Segment, interval: int) -> None:
        found = segment.restarts
        if len(components) == 1:
            units = components[0].blocks
        else:
            # The MCUs of an interleaved scan: each covers Vmax·8 × Hmax·8 pixels (A.2.3).
            vertical, horizontal = self._frame.largest
            units = block_count(-(-self._frame.extent.height // vertical)) * block_count(
                -(-self._frame.extent.width // horizontal)
            )
        expected = -(-units // interval) - 1 if interval else 0
        # Some encoders close the last interval too. Decoders have always passed over that marker.
        allowed = {expected, expected + 1} if interval else {0}
        if len(found) not in allowed or any(marker != 0xD0 + i % 8 for i, marker in enumerate(found)):
            raise self._damaged(
                f"a scan has {len(found)} restart markers, or not in order, where {expected} belong", segment
            )

    def _check_length(self, components: tuple[FrameComponent, ...], segment: Segment) -> None:
        # The shortest Huffman code is one bit: DC alone costs a block that much, and a sequential block two
        # with its AC. So an absurd size is found out here, before anyone sets memory aside for it.
        bits = 8 * (segment.entropy[1] - segment.entropy[0])
        needed = sum(component.blocks for component in components) * (1 if self._frame.progressive else 2)
        if bits < needed:
            raise self._damaged(f"a scan of {bits} bits is too short for its blocks, which take {needed}", segment)

    def _damaged(self, reason: str, segment: Segment) -> DamagedJpegError:
        return DamagedJpegError(complaint(self._source, reason, segment.offset))
