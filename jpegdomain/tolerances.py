"""How far apart two computations of the same numbers may be."""

import torch

__all__ = ["TOLERANCE"]

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
"""The largest allowed deviation, relative to the largest expected magnitude."""
