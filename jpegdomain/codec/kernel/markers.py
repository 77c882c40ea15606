"""Where the next marker stands, over whatever bytes lie before it."""

from jpegdomain.compiled.jit import compiled

from .words import Bytes, has_ff, load

__all__ = ["next_marker", "skip_scan"]


@compiled
def next_marker(data: Bytes, at: int, end: int) -> int:
    """Find the first FF at `at` or behind it that another byte than 00 and FF follows; `end` without one."""
    while at + 1 < end:
        if at + 8 <= end and not has_ff(load(data, at)):
            at += 8
        elif data[at] == 0xFF and data[at + 1] != 0 and data[at + 1] != 0xFF:
            return at
        else:
            at += 1
    return end


@compiled
def skip_scan(data: Bytes, at: int, end: int) -> int:
    """Find the first marker that is no restart marker."""
    at = next_marker(data, at, end)
    while at + 1 < end and 0xD0 <= data[at + 1] <= 0xD7:
        at = next_marker(data, at + 2, end)
    return at
