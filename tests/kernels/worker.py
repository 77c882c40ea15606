"""Run random cases one after another, and announce each before and after: python -m tests.kernels.worker FIRST LAST."""

import ctypes
import sys

import torch

from .cases import draw, error, known

__all__ = ["guard"]


def guard() -> ctypes.c_int:
    """Find the switch of `guard.c`.

    Returns:
        The switch; or, in a process that is not guarded, a number that has no effect.
    """
    try:
        return ctypes.c_int.in_dll(ctypes.CDLL(None), "guard_on")
    except ValueError:
        return ctypes.c_int()


def main() -> None:
    """Print ``begin N`` and ``end N ERROR`` for each case but those of known faults."""
    first, last, operations = int(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:])
    torch.set_num_threads(1)
    switch = guard()
    for number in range(first, last):
        print("begin", number, flush=True)
        case = draw(number, operations)
        found = 0.0
        if known(case) is None:
            switch.value = 1
            found = error(case)
            switch.value = 0
        print("end", number, found, flush=True)


if __name__ == "__main__":
    main()
