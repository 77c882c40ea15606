"""Whether tensors have changed, however they were written to."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .entries import CHECKSUMS
from .threads import in_threads

__all__ = ["checksums", "has_checksum"]

_LANES = 64


def has_checksum(tensor: Tensor) -> bool:
    """Say whether `checksums` can read a tensor: all of its numbers lie in the machine's memory without gaps."""
    dense = tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    return dense and tensor.device.type == "cpu" and tensor.layout == torch.strided


def checksums(tensors: Sequence[Tensor]) -> NDArray[np.uint32]:
    """Compute a checksum of every tensor's bytes in memory.

    torch counts writes, but not those through ``.data``, NumPy or another process: only the numbers tell.

    Args:
        tensors: That `has_checksum`.

    Returns:
        (tensors, 64): equal rows for equal bytes; different ones for different bytes, but for a chance of 2⁻³² or less.
    """
    table = np.array([(x.data_ptr(), x.numel() * x.element_size()) for x in tensors], np.int64).reshape(-1, 2)
    states = np.zeros((len(tensors), _LANES), np.uint32)
    record = np.array([0, len(tensors), table.ctypes.data, states.ctypes.data], np.int64)
    in_threads(_address(), record.ctypes.data, torch.get_num_threads())
    return states


@functools.cache
def _address() -> int:
    return CHECKSUMS.address()
