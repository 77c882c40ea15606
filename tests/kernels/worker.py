"""Run drawn cases one after the other and say so before and after each: python -m tests.kernels.worker FIRST LAST."""

import ctypes
import sys

import torch

from .cases import draw, error

__all__: list[str] = []


def main() -> None:
    """Print ``begin N`` and ``end N ERROR`` for each case."""
    first, last, operations = int(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:])
    torch.set_num_threads(1)
    try:
        guard = ctypes.c_int.in_dll(ctypes.CDLL(None), "guard_on")
    except ValueError:
        guard = ctypes.c_int()
    for number in range(first, last):
        print("begin", number, flush=True)
        case = draw(number, operations)
        guard.value = 1
        found = error(case)
        guard.value = 0
        print("end", number, found, flush=True)


if __name__ == "__main__":
    main()
