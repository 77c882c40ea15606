"""A slow arithmetic encoder, T.81's flow charts one by one, for the slow JPEG encoder beside this file.

The code stream is one Python integer, so there is no carry to propagate and no output to hold back. Bins have the
names of tables F.4 and F.5. From jpegdomain it has only Table D.3; libjpeg, which also reads its files, has its own.
"""

import collections

from jpegdomain.codec.kernel.arithmetic import ESTIMATES


def usual(slot):
    """Return the conditioning that holds without a DAC segment: L, U, Kx (B.2.4.3)."""
    return 0, 1, 5


class Interval:
    """The code between two restart markers. `conditioning` gives L, U and Kx of a slot."""

    def __init__(self, scan, conditioning=usual):
        self.scan, self.conditioning = scan, conditioning
        self.code, self.size, self.shifts = 0, 0x10000, 0
        self.bins = collections.Counter()
        self.before, self.group = [0] * 4, ["zero"] * 4
        self.visited = set()

    def decide(self, name, bit):
        """Code one decision (D.1.4 to D.1.6). A name of None means a fixed estimate."""
        state = 113 if name is None else self.bins[name]
        estimate = int(ESTIMATES[state])
        less_likely = estimate & 0xFFFF
        larger = self.size - less_likely
        # The more probable symbol has the lower part, which is always the larger one.
        lower = (bit == state >> 7) == (larger >= less_likely)
        self.visited.add(state & 127)
        if lower:
            self.size = larger
        else:
            self.code += larger
            self.size = less_likely
        # Bins adapt only when the interval is renormalised.
        if self.size < 0x8000 and name is not None:
            self.bins[name] = estimate >> 16 & 255 if bit == state >> 7 else estimate >> 24
        while self.size < 0x8000:
            self.size *= 2
            self.code *= 2
            self.shifts += 1

    def finish(self, zeros=0):
        """Return the data: the number in the last interval that ends in most zeros (D.1.8), and more zeros if
        requested."""
        low, high = self.code, self.code + self.size - 1
        number = high >> 16 << 16
        if number < low:
            number = high >> 15 << 15
        bits = self.shifts + 16
        packed = (number << -bits % 8).to_bytes((bits + 7) // 8, "big").rstrip(b"\0")
        return packed.replace(b"\xff", b"\xff\0") + bytes(zeros)

    def block(self, position, slot, values):
        """Code the part of a block that is in the scan, in zigzag order."""
        first, last, high, low = self.scan[1:5]
        if first == 0 and high:
            self.decide(None, values[0] >> low & 1)
        elif first == 0:
            self.difference(position, slot, values[0] >> low)
        if last and high:
            self.refinement(slot, values)
        elif last:
            self.band(slot, [(abs(value) >> low) * (1 if value > 0 else -1) for value in values])

    def difference(self, position, slot, value):
        difference, group = value - self.before[position], self.group[position]
        self.before[position] = value
        lower, upper, _ = self.conditioning(slot)
        size, sign = abs(difference), "-" if difference < 0 else "+"
        # L = 0 would be ½.
        self.group[position] = "zero" if 2 * size <= 1 << lower else ("small" if size <= 1 << upper else "large") + sign
        self.decide((slot, "DC S0", group), int(size > 0))
        if size > 0:
            self.decide((slot, "DC SS", group), int(difference < 0))
            self.decide((slot, "DC S" + sign, group), int(size > 1))
            if size > 1:
                self.magnitude((slot, "DC"), size - 1, 1)

    def magnitude(self, table, size, first):
        """Code how many bits `size` has from `first` on, then its bits below the highest."""
        length = size.bit_length()
        for bit in range(first, length + 1):
            self.decide((*table, "X", bit), int(bit < length))
        for bit in reversed(range(length - 1)):
            self.decide((*table, "M", length), size >> bit & 1)

    def band(self, slot, values):
        first, last = max(self.scan.first, 1), self.scan.last
        end = max((k for k in range(first, last + 1) if values[k]), default=0)
        k = first
        while k <= last:
            self.decide((slot, "SE", k), int(k > end))
            if k > end:
                break
            while values[k] == 0:
                self.decide((slot, "S0", k), 0)
                k += 1
            self.decide((slot, "S0", k), 1)
            self.decide(None, int(values[k] < 0))
            size = abs(values[k]) - 1
            self.decide((slot, "X1", k), int(size > 0))
            if size > 0:
                self.decide((slot, "X1", k), int(size > 1))
            if size > 1:
                self.magnitude((slot, "low" if k <= self.conditioning(slot)[2] else "high"), size, 2)
            k += 1

    def refinement(self, slot, values):
        first, last, high, low = self.scan[1:5]
        band = range(first, last + 1)
        end = max((k for k in band if abs(values[k]) >> low), default=0)
        end_before = max((k for k in band if abs(values[k]) >> high), default=0)
        after_zero = False
        for k in band:
            if k > end_before and not after_zero:
                self.decide((slot, "SE", k), int(k > end))
                if k > end:
                    break
            size = abs(values[k]) >> low
            if size > 1:
                self.decide((slot, "SC", k), size & 1)
            else:
                self.decide((slot, "S0", k), size)
                if size == 1:
                    self.decide(None, int(values[k] < 0))
            after_zero = size == 0
