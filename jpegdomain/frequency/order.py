"""The two ways to number a block's 64 frequencies. Wherever an index appears, one of these names goes with it."""

from typing import Final, Literal, TypeAlias

import numpy as np

from jpegdomain.tables import ZIGZAG

__all__ = ["COMPONENTS", "ORDERS", "Order", "renumbered", "row_major"]

Order: TypeAlias = Literal["row-major", "zigzag"]
"""'row-major': 8·(vertical frequency) + horizontal frequency. 'zigzag': the position in the file, T.81 figure A.6."""

ORDERS: Final[tuple[Order, ...]] = ("row-major", "zigzag")

COMPONENTS: Final = ("Y", "Cb", "Cr")

_POSITION = np.argsort(ZIGZAG)


def row_major(index: int, order: Order) -> int:
    """Give the row-major number of a frequency.

    Args:
        index: 0…63, numbered by `order`.
        order: Of the number given.

    Returns:
        8·(vertical frequency) + horizontal frequency.
    """
    return int(ZIGZAG[index]) if order == "zigzag" else index


def renumbered(index: int, order: Order) -> int:
    """Number a frequency by another order.

    Args:
        index: 0…63, row-major.
        order: Of the result.

    Returns:
        0…63.
    """
    return int(_POSITION[index]) if order == "zigzag" else index
