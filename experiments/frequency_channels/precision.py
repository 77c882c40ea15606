"""Mixed precision where it is faster."""

from pathlib import Path

import torch

__all__ = ["PRECISIONS", "resolved"]

PRECISIONS = ("auto", "float32", "bfloat16")

_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")


def resolved(precision: str, device: torch.device) -> str:
    """Choose a precision.

    Args:
        precision: One of `PRECISIONS`; 'auto' is bfloat16 where the device has instructions for it.
        device: That the networks are on.

    Returns:
        'float32' or 'bfloat16'.
    """
    if precision != "auto":
        return precision
    return "bfloat16" if _fast_bfloat16(device) else "float32"


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return any(instruction in flags for instruction in _INSTRUCTIONS)
