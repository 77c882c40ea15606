"""Checksums of tensors, which show whether they were written to in any way."""

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegdomain.compiled import CompiledFunction

from .cpu import TRANSFORMS
from .threads import in_threads

__all__ = ["checksums", "has_checksum"]

_ENTRY: Final = CompiledFunction(TRANSFORMS, "checksums", "run", lambda types: types.void(types.int64), from_c=True)
_LANES: Final = 64


def has_checksum(tensor: Tensor) -> bool:
    """Return whether `checksums` can read a tensor: its numbers are in this machine's memory, without gaps."""
    dense = tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    return dense and tensor.device.type == "cpu" and tensor.layout == torch.strided


def checksums(tensors: Sequence[Tensor]) -> NDArray[np.uint32]:
    """Compute a checksum of every tensor's bytes in memory.

    Torch counts writes, but not those through ``.data``, NumPy or another process: only the values show these.

    Returns:
        (tensors, 64): equal rows for equal bytes; different rows for different bytes, except with a probability of 2⁻³²
        or less.
    """
    table = np.array([(x.data_ptr(), x.numel() * x.element_size()) for x in tensors], np.int64).reshape(-1, 2)
    states = np.zeros((len(tensors), _LANES), np.uint32)
    record = np.array([0, len(tensors), table.ctypes.data, states.ctypes.data], np.int64)
    in_threads(_address(), record.ctypes.data, torch.get_num_threads())
    return states


@functools.cache
def _address() -> int:
    return _ENTRY.address()
