"""A batch whose structure differs from batch to batch, as tensors that a compiled graph passes on unexamined."""

import pickle
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .packing import pack, unpack
from .planes import Memory

__all__ = ["Sealed", "seal", "unseal"]


class Sealed(NamedTuple):
    """What `torch.compile` sees of a batch: no positions or sizes, which would become part of the graph.

    Attributes:
        quantised: All coefficients, int16.
        block: All other numbers, in the layout of `packing`.
        header: uint8: what the block holds, and the groups.
        images: (n,): only its length matters, the number of images.
        preprocessed: Whether a preprocess maps the images.
    """

    quantised: Tensor
    block: Tensor
    header: Tensor
    images: Tensor
    preprocessed: bool


def seal(memory: Memory) -> Sealed:
    """Seal a batch."""
    dtype, quantised, block, shapes, groups = pack(memory)
    header = np.frombuffer(pickle.dumps((dtype, shapes, groups)), np.uint8).copy()
    count = sum(len(group.images) for group in memory.groups)
    mapped = memory.groups[0].planes[0].maps is not None
    return Sealed(quantised, block, torch.from_numpy(header), torch.empty(count, dtype=torch.uint8), mapped)


def unseal(quantised: Tensor, block: Tensor, header: Tensor) -> Memory:
    """Open the tensors of a sealed batch of this process."""
    dtype, shapes, groups = _opened(header)
    return unpack((dtype, quantised, block, shapes, groups))


def _opened(header: Tensor) -> tuple[torch.dtype, list[Any], list[Any]]:
    # Written by `seal`, in this process.
    return pickle.loads(header.numpy().tobytes())
