"""A small file that takes much work: as many scans as the standard allows, each over all blocks, in a few bytes."""

from .oracle import segment

_LONGEST_RUN = 0x7FFF
"""Blocks that EOB14 ends with its fourteen bits set (T.81 G.1.2.2)."""


def many_scans(height, width, touched=0):
    """Return a progressive gray file: DC, then each AC coefficient alone, in fourteen scans for its bits 13…0.

    All coefficients are zero but the last one of the first `touched` blocks, which comes first, at its full size.
    """
    blocks = -(-height // 8) * -(-width // 8)
    frame = b"\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + b"\1\1\x11\0"
    pieces = [b"\xff\xd8", segment(0xDB, b"\0" + bytes([1] * 64)), segment(0xC2, frame)]
    # DC: category 0 is '0'. AC: EOB14 is '0', a coefficient of one bit after no zeros is '10', EOB0 is '110'.
    pieces.append(segment(0xC4, b"\0\1" + bytes(15) + b"\0"))
    pieces.append(segment(0xC4, b"\x10\1\1\1" + bytes(13) + b"\xe0\1\0"))
    pieces.append(scan(0, 0, 0, 0, "0" * blocks))
    whole, rest = divmod(blocks, _LONGEST_RUN)
    # A run may end after the last block.
    runs = ("0" + "1" * 14) * (whole + (rest > 0))
    if touched:
        whole, rest = divmod(blocks - touched, _LONGEST_RUN)
        pieces.append(scan(63, 63, 0, 0, "101" * touched + ("0" + "1" * 14) * (whole + (rest > 0))))
    for k in range(1, 63 if touched else 64):
        pieces += [scan(k, k, 0 if low == 13 else low + 1, low, runs) for low in range(13, -1, -1)]
    return b"".join([*pieces, b"\xff\xd9"])


def scan(first, last, high, low, bits):
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return segment(0xDA, bytes([1, 1, 0, first, last, 16 * high + low])) + data
