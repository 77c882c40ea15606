"""The bytes that a network's channels take, and whether it is right on what is read from them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import jpegdomain as jd
from experiments.frequency_channels.answers import File, answers
from experiments.frequency_channels.saved import Saved
from experiments.lib.encoded_again import encoded
from experiments.lib.paired import counts
from experiments.lib.truncated import Truncated, truncated
from jpegdomain.frequency import CHANNELS, all_channels
from jpegdomain.frequency.bandwidth import scan_bytes

__all__ = ["Sums", "arriving", "measured"]

Sums = dict[str, Any]
"""Sums over images, plain values."""


def arriving(one: Saved, images: Sequence[jd.JpegImage], keep: Tensor | None) -> Truncated:
    """Write files with only the channels that a network takes: all for pixels; for a gate, those in `keep`."""
    if keep is not None:
        return truncated(images, keep)
    return truncated(images, all_channels() if one.variant.selection is None else one.variant.selection)


def measured(
    networks: Sequence[Saved],
    files: Sequence[File],
    preprocesses: Sequence[str],
    qualities: Sequence[int],
    settings: dict[str, Any],
) -> Sums:
    """Test all networks on some files, as they are and truncated to what is sent.

    Returns:
        'images'; 'original' and 'all' bytes ('scan', 'file'); by preprocess and network's name the right answers on the
        files, on the truncated ones and how these differ, and their bytes; under 'qualities', with the first
        preprocess, the same for files that were encoded again at each quality before they were truncated.
    """
    if not files:
        return {"images": 0}
    images = [file.image for file in files]
    device = next(networks[0].model.parameters()).device
    labels = torch.tensor([file.label for file in files], device=device)
    every = truncated(images, all_channels())
    sums: Sums = {
        "images": len(files),
        "original": {"scan": sum(scan_bytes(file.data) for file in files), "file": sum(len(f.data) for f in files)},
        "all": {"scan": every.scan, "file": every.file},
    }
    again = {number: [jd.read_jpeg(encoded(file.data, number)) for file in files] for number in qualities}
    # Networks of several seeds take the same sets.
    known: dict[tuple[object, ...], Truncated] = {(None, *range(CHANNELS)): every}

    def arrived(one: Saved, keep: Tensor | None, number: int | None) -> Truncated:
        records = images if number is None else again[number]
        if keep is not None:
            return arriving(one, records, keep)
        selection = one.variant.selection
        key = (number, *(range(CHANNELS) if selection is None else sorted(selection.indices)))
        if key not in known:
            known[key] = arriving(one, records, None)
        return known[key]

    def row(one: Saved, preprocess: str) -> Sums:
        right, keep = answers(one, images, labels, preprocess, settings)

        def sent(number: int | None = None) -> Sums:
            files_sent = arrived(one, keep, number)
            own = right if files_sent is every else answers(one, files_sent.images, labels, preprocess, settings)[0]
            return {"sent": counts(own, right), "scan": files_sent.scan, "file": files_sent.file}

        found = {"right": int(right.sum()), **sent()}
        return found | {
            "qualities": {str(number): sent(number) for number in qualities if preprocess == preprocesses[0]}
        }

    return sums | {preprocess: {one.name: row(one, preprocess) for one in networks} for preprocess in preprocesses}
