"""What a job is told: the words of its record, each eight bytes."""

from typing import Final

__all__ = [
    "ABOVE",
    "BELOW",
    "BLOCK_COLUMNS",
    "BLOCK_ROWS",
    "CHANNELS",
    "CLIPS",
    "DECIDING",
    "FROM_PIXELS",
    "GRAIN",
    "HEIGHT",
    "HIGH",
    "IMAGES",
    "KEPT",
    "LOW",
    "SECOND",
    "SOURCE",
    "TAKEN",
    "TARGET",
    "TO_PIXELS",
    "WIDTH",
    "WORDS",
]

TAKEN: Final = 0
"""Tiles that some thread has begun."""
GRAIN: Final = 1
"""Tiles that a thread begins at a time."""
IMAGES: Final = 2
BLOCK_ROWS: Final = 3
BLOCK_COLUMNS: Final = 4
CHANNELS: Final = 5
HEIGHT: Final = 6
"""Of the extent, in pixels."""
WIDTH: Final = 7
FROM_PIXELS: Final = 8
TO_PIXELS: Final = 9
KEPT: Final = 10
"""Spatial frequencies that are read; where something decides, by that."""
CLIPS: Final = 11
SOURCE: Final = 12
"""Address; then the bytes from one image, row and column to the next. So for the three that follow."""
SECOND: Final = 16
"""What is added to the source; address 0 for nothing."""
DECIDING: Final = 20
"""Whose pixels, low-passed, choose the pieces; address 0 for the source's own, after the low-pass."""
TARGET: Final = 24
LOW: Final = 28
HIGH: Final = 29
BELOW: Final = 30
ABOVE: Final = 31
WORDS: Final = 32
