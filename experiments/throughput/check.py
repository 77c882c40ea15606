"""Whether the chains compute the same: both plans beside the spatial network, in float64, on each file."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import jpegdomain as jd
from experiments.throughput.sides import JPEG_SIDES, Geometry
from jpegdomain.decoding import Entry

__all__ = ["checked", "total"]


def _pixels(file: bytes, entry: Entry, geometry: Geometry, device: torch.device) -> Tensor:
    """(1, c, h, w) levels: the float decoding of the whole file, then torchvision's transforms on it."""
    batch = jd.collate([jd.read_jpeg(file)], dtype=torch.float64, device=device)
    decode = jd.decode_luma if entry.channels == 1 else jd.decode_rgb
    return geometry.theirs()(decode(batch))


@torch.inference_mode()
def checked(
    model: nn.Module,
    plans: dict[str, jd.ConvertedModel],
    files: Sequence[bytes],
    geometry: Geometry,
    device: torch.device,
) -> dict[str, Any]:
    """Compare on one batch.

    The spatial network gets `decode_rgb` of each file by itself, resized and cropped by torchvision in float64.

    Args:
        model: The spatial model, in float64 and eval mode.
        plans: Its conversions, likewise.
        files: The batch.
        geometry: Before the network.
        device: That all are on.

    Returns:
        Files, the largest logit, on how many files both plans have the same top-1; for each plan the largest deviation
        from the spatial network and how often its top-1 is that.
    """
    entry = plans["fused"].jpeg_entry
    levels = torch.cat([_pixels(file, entry, geometry, device) for file in files])
    mean, std = (values.view(1, -1, 1, 1) for values in (entry.mean, entry.std))
    expected = model((levels / 255 - mean) / std)
    batch = jd.collate(jd.read_jpegs(files), preprocess=geometry.ours(), dtype=torch.float64, device=device)
    logits = {plan: converted(batch) for plan, converted in plans.items()}
    if not all(values.isfinite().all() for values in (expected, *logits.values())):
        raise FloatingPointError("a logit is not a finite number: nothing can be compared")
    winners = {plan: values.argmax(1) for plan, values in logits.items()}
    return {
        "files": len(files),
        "largest_logit": expected.abs().max().item(),
        "plans_agree": int((winners["fused"] == winners["transform"]).sum()),
        "deviation": {plan: (values - expected).abs().max().item() for plan, values in logits.items()},
        "agree": {plan: int((expected.argmax(1) == winner).sum()) for plan, winner in winners.items()},
    }


def total(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put batches together.

    Args:
        parts: From `checked`.

    Returns:
        The same of all files; deviations are relative to the largest logit.
    """
    files = sum(part["files"] for part in parts)
    largest = max(part["largest_logit"] for part in parts)
    return {
        "files": files,
        "same_top1_of_plans": sum(part["plans_agree"] for part in parts) / files,
        "same_top1": {plan: sum(part["agree"][plan] for part in parts) / files for plan in JPEG_SIDES},
        "relative_deviation": {plan: max(part["deviation"][plan] for part in parts) / largest for plan in JPEG_SIDES},
    }
