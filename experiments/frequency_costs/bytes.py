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
    """Write files with the channels alone that a network takes: all for pixels, of a gate's those in `keep`."""
    if keep is not None:
        return truncated(images, keep)
    return truncated(images, all_channels() if one.variant.selection is None else one.variant.selection)


def coded_alike(data: Sequence[bytes]) -> Truncated:
    """Code files that were encoded elsewhere as the truncated ones are: with the Huffman tables that suit them best."""
    return truncated([jd.read_jpeg(one) for one in data], all_channels())


def measured(
    networks: Sequence[Saved],
    files: Sequence[File],
    preprocesses: Sequence[str],
    qualities: Sequence[int],
    settings: dict[str, Any],
) -> Sums:
    """Test all networks on some files, as they are and as they arrive.

    Returns:
        'images'; 'original' and 'all' bytes ('scan', 'file'); by preprocess and network's name the right answers on the
        files, on the truncated ones and how these differ, and their bytes; of networks on pixels the same, under
        'qualities', of files encoded again.
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
    # Networks of several seeds take the same sets.
    known = {tuple(range(CHANNELS)): every}
    again = {number: coded_alike([encoded(file.data, number) for file in files]) for number in qualities}

    def row(one: Saved, preprocess: str) -> Sums:
        right, keep = answers(one, images, labels, preprocess, settings)

        def sent(arrived: Truncated) -> Sums:
            own = right if arrived is every else answers(one, arrived.images, labels, preprocess, settings)[0]
            return {"sent": counts(own, right), "scan": arrived.scan, "file": arrived.file}

        selection, found = one.variant.selection, {"right": int(right.sum())}
        if keep is not None:
            return found | sent(arriving(one, images, keep))
        if selection is None:
            return found | sent(every) | {"qualities": {str(number): sent(other) for number, other in again.items()}}
        key = tuple(sorted(selection.indices))
        if key not in known:
            known[key] = arriving(one, images, None)
        return found | sent(known[key])

    return sums | {preprocess: {one.name: row(one, preprocess) for one in networks} for preprocess in preprocesses}
