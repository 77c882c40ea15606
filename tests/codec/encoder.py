"""A slow JPEG encoder for everything: any factors, any scans, sequential or progressive, unusual tables.

It uses nothing from jpegdomain, and it need not be trusted: libjpeg reads its files, too.
"""

from typing import Any, NamedTuple

import numpy as np

from .oracle import segment

# Row-major index by zigzag position, drawn as in T.81 figure 5: up and down along the diagonals.
ZIGZAG = np.array([8 * (s - i if s % 2 == 0 else i) + (i if s % 2 == 0 else s - i)
                   for s in range(15) for i in range(8) if 0 <= s - i < 8])  # fmt: skip


class Part(NamedTuple):
    """A component: its whole padded grid (rows, columns, 64), row-major; blocks beyond `blocks` only fill MCUs."""

    identifier: int
    factors: tuple
    padded: Any
    blocks: tuple
    table: Any
    slot: int

    @property
    def coefficients(self):
        return self.padded[: self.blocks[0], : self.blocks[1]]


class Scan(NamedTuple):
    """Which components, and Ss, Se, Ah, Al."""

    parts: tuple
    first: int = 0
    last: int = 63
    high: int = 0
    low: int = 0
    restart: int = 0


def encode(size, parts, scans, *, progressive=False, style="flat", fill=0, height_later=False, head=b"", coder=None):
    """Return a whole file: `head` comes after SOI, `fill` FFs before every marker segment, and DNL instead of the
    height. `coder` makes an arithmetic coder for each interval of a scan; without it, Huffman codes of a style are
    used.
    """
    padding = b"\xff" * fill
    wide = any(part.table.max() > 255 for part in parts)
    pieces = [b"\xff\xd8", head]
    for part in {part.slot: part for part in parts}.values():
        steps = part.table[ZIGZAG].astype(">u2" if wide else np.uint8).tobytes()
        pieces.append(padding + segment(0xDB, bytes([16 * wide + part.slot]) + steps))
    frame = b"\x08" + (0 if height_later else size[0]).to_bytes(2, "big") + size[1].to_bytes(2, "big")
    frame += bytes([len(parts)])
    for part in parts:
        frame += bytes([part.identifier, 16 * part.factors[1] + part.factors[0], part.slot])
    pieces.append(padding + segment(frame_marker(progressive, wide, coder), frame))
    interval = 0
    for number, scan in enumerate(scans):
        if scan.restart != interval:
            interval = scan.restart
            pieces.append(padding + segment(0xDD, interval.to_bytes(2, "big")))
        pieces += [padding + piece for piece in scan_pieces(size, parts, scan, progressive, style, coder)]
        if height_later and number == 0:
            pieces.append(padding + segment(0xDC, size[0].to_bytes(2, "big")))
    return b"".join([*pieces, padding, b"\xff\xd9"])


def frame_marker(progressive, wide, coder):
    if coder is not None:
        return 0xCA if progressive else 0xC9
    return 0xC2 if progressive else 0xC1 if wide else 0xC0


def scan_pieces(size, parts, scan, progressive, style, make):
    chosen = [parts[index] for index in scan.parts]
    slots = [min(position, 1) for position in range(len(chosen))]
    runs, data = [], []
    units = list(mcus(size, parts, chosen))
    for at in range(0, len(units), scan.restart or len(units)):
        coder = Coder(scan, progressive) if make is None else make(scan)
        for unit in units[at : at + (scan.restart or len(units))]:
            for position, block in unit:
                coder.block(position, slots[position], block[ZIGZAG].tolist())
        if make is None:
            coder.end_of_band_run()
            runs.append(coder.items)
        else:
            data += [coder.finish(), bytes([0xFF, 0xD0 + len(data) // 2 % 8])]
    codes, tables = {}, b""
    for place in sorted({item[0] for items in runs for item in items if item[0] is not None}):
        symbols = sorted({item[1] for items in runs for item in items if item[0] == place})
        numbers = code_lengths(len(symbols), style)
        tables += bytes([place, *numbers, *symbols])
        codes |= {(place, symbol): code for symbol, code in zip(symbols, canonical(numbers), strict=True)}
    for number, items in enumerate(runs):
        bits = "".join(codes.get((place, symbol), "") + extra for place, symbol, extra in items)
        bits += "1" * (-len(bits) % 8)
        packed = int(bits or "0", 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        data += [packed, bytes([0xFF, 0xD0 + number % 8])]
    header = bytes([len(chosen)])
    header += b"".join(bytes([part.identifier, 17 * slot]) for part, slot in zip(chosen, slots, strict=True))
    header += bytes([scan.first, scan.last, 16 * scan.high + scan.low])
    pieces = [segment(0xDA, header) + b"".join(data[:-1])]
    return [segment(0xC4, tables), *pieces] if tables else pieces


def mcus(size, parts, chosen):
    """Lists of (position in the scan, block), T.81 A.2."""
    if len(chosen) == 1:
        yield from ([(0, block)] for block in chosen[0].coefficients.reshape(-1, 64))
        return
    tall, wide = (max(part.factors[axis] for part in parts) for axis in (0, 1))
    for down in range(-(-size[0] // (8 * tall))):
        for right in range(-(-size[1] // (8 * wide))):
            yield [
                (position, part.padded[down * part.factors[0] + v, right * part.factors[1] + h])
                for position, part in enumerate(chosen)
                for v in range(part.factors[0])
                for h in range(part.factors[1])
            ]


class Coder:
    """The symbols between two restarts: (table class · 16 + slot, or None, symbol, bits that follow)."""

    def __init__(self, scan, progressive):
        self.scan, self.progressive = scan, progressive
        self.items, self.before = [], [0] * 4
        self.run, self.run_bits, self.run_slot = 0, "", 0

    def block(self, position, slot, values):
        first, last, high, low = self.scan[1:5]
        if first == 0 and high:
            self.items.append((None, 0, str(values[0] >> low & 1)))
            return
        if first == 0:
            value = values[0] >> low
            size, extra = magnitude(value - self.before[position])
            self.items.append((slot, size, extra))
            self.before[position] = value
        if last and high:
            self.refine(slot, values)
        elif last:
            self.bands(slot, values, max(first, 1))

    def bands(self, slot, values, first):
        zeros = 0
        for value in values[first : self.scan.last + 1]:
            value = (abs(value) >> self.scan.low) * (1 if value > 0 else -1)
            if value == 0:
                zeros += 1
                continue
            self.end_of_band_run()
            self.items += [(16 + slot, 0xF0, "")] * (zeros // 16)
            size, extra = magnitude(value)
            self.items.append((16 + slot, 16 * (zeros % 16) + size, extra))
            zeros = 0
        if zeros:
            self.end_of_band(slot, "")

    def refine(self, slot, values):
        band = [abs(value) >> self.scan.low for value in values[: self.scan.last + 1]]
        newest = max((at for at, size in enumerate(band) if size == 1 and at >= self.scan.first), default=0)
        zeros, pending = 0, ""
        for at in range(self.scan.first, self.scan.last + 1):
            if band[at] == 0:
                zeros += 1
                continue
            while zeros > 15 and at <= newest:
                self.end_of_band_run()
                self.items.append((16 + slot, 0xF0, pending))
                zeros, pending = zeros - 16, ""
            if band[at] > 1:
                pending += str(band[at] & 1)
                continue
            self.end_of_band_run()
            self.items.append((16 + slot, 16 * zeros + 1, ("1" if values[at] > 0 else "0") + pending))
            zeros, pending = 0, ""
        if zeros or pending:
            self.end_of_band(slot, pending)

    def end_of_band(self, slot, bits):
        self.run, self.run_slot, self.run_bits = self.run + 1, slot, self.run_bits + bits
        if not self.progressive or self.run == 0x7FFF or len(self.run_bits) > 900:
            self.end_of_band_run()

    def end_of_band_run(self):
        if self.run:
            size = self.run.bit_length() - 1
            extra = format(self.run - (1 << size), f"0{size}b") if size else ""
            self.items.append((16 + self.run_slot, 16 * size, extra + self.run_bits))
            self.run, self.run_bits = 0, ""


def magnitude(value):
    size = abs(value).bit_length()
    return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""


def code_lengths(count, style):
    """Return numbers of codes by length 1…16 for a number of symbols; the code of all ones is not used."""
    numbers = [0] * 16
    if style == "flat":
        numbers[count.bit_length() - 1] = count
    else:
        # One code of each length, then the longest: far from optimal, but valid.
        short = min(count, 7)
        numbers[:short] = [1] * short
        numbers[15] += count - short
    return numbers


def canonical(numbers):
    code, codes = 0, []
    for length, number in enumerate(numbers, start=1):
        code *= 2
        codes += [format(code + i, f"0{length}b") for i in range(number)]
        code += number
    return codes
