"""Results beside Xu et al.'s: COCO's average precision of boxes and masks by pycocotools, and the table."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.frequency_channels.variants import variant
from experiments.frequency_detection.coco import CocoImages, Items, Target, silent
from experiments.lib import markdown
from experiments.lib.intervals import spread
from experiments.lib.team import ALONE, Team
from jpegdomain.frequency import FileImage

__all__ = ["PAPER", "average_precision", "evaluate", "summary", "table", "table_of"]

_KINDS = {"box": "bbox", "mask": "segm"}
_NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    testing: Items,
    batches: Iterable[tuple[list[Tensor | FileImage], list[Target]]],
    device: torch.device,
    team: Team = ALONE,
) -> dict[str, dict[str, float]]:
    """Detect objects in all images and compare them with the annotations.

    Args:
        model: Faster or Mask R-CNN.
        testing: All images.
        batches: This process's, one by one in order: the first, …, or the last of its team.
        device: Of the model.
        team: The processes that share the images.

    Returns:
        'box', and 'mask' if the network finds masks: COCO's numbers.
    """
    from pycocotools import mask as rle

    model.eval()
    boxes: list[dict[str, Any]] = []
    masks: list[dict[str, Any]] = []
    images = testing.images
    for identifier, (given, _) in zip(team.slice(images.ids), batches, strict=True):
        moved = [image.to(device) if isinstance(image, Tensor) else image for image in given]
        [found] = model(moved)
        for number, (label, score, box) in enumerate(
            zip(found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True)
        ):
            left, top, right, bottom = box
            entry = {"image_id": identifier, "category_id": images.categories[label - 1], "score": score}
            boxes.append(entry | {"bbox": [left, top, right - left, bottom - top]})
            if "masks" in found:
                drawn = (found["masks"][number, 0] > 0.5).cpu().numpy().astype(np.uint8)
                with silent():
                    masks.append(entry | {"segmentation": rle.encode(np.asfortranarray(drawn))})
    boxes, masks = ([entry for part in team.gather(own) for entry in part] for own in (boxes, masks))
    results = {"box": average_precision(images, boxes, "box")}
    if testing.masks:
        results["mask"] = average_precision(images, masks, "mask")
    return results


def average_precision(images: CocoImages, found: list[dict[str, Any]], kind: str) -> dict[str, float]:
    """Compare detections with the annotations.

    Args:
        images: With their annotations.
        found: Detections in COCO's format of results.
        kind: 'box' or 'mask'.

    Returns:
        AP over IoU 0.5…0.95, at 0.5, at 0.75, of small, medium and large objects; −1 where there are none of a size.
    """
    from pycocotools.cocoeval import COCOeval

    if not found:
        return dict.fromkeys(_NUMBERS, 0.0)
    with silent():
        evaluation = COCOeval(images.coco, images.coco.loadRes(found), _KINDS[kind])
        evaluation.params.imgIds = images.ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(_NUMBERS, map(float, evaluation.stats), strict=False))


PAPER = {
    "RGB": {"box": 0.373, "mask": 0.342},
    "24S": {"box": 0.377, "mask": 0.346},
    "48S": {"box": 0.381, "mask": 0.350},
    "64S": {"box": 0.381, "mask": 0.350},
}
"""Xu et al. (2020), tables 3 and 4: AP of Mask R-CNN with ResNet-50-FPN on COCO's validation images."""


def summary(units: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Summarise all networks.

    Args:
        units: Each network's variant, seed and epochs.

    Returns:
        Per variant the spread of the last epoch's AP, and all networks.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for one in units.values():
        last = one["epochs"][-1]
        for kind in ("box", "mask"):
            if kind in last:
                found.setdefault(one["variant"], {}).setdefault(kind, []).append(last[kind]["AP"])
    return {
        "variants": {name: {kind: spread(values) for kind, values in kinds.items()} for name, kinds in found.items()},
        "each": list(units.values()),
    }


def table_of(report: dict[str, Any]) -> str:
    """Write the table.

    Args:
        report: The experiment's.

    Returns:
        Lines of Markdown: AP by variant, and the paper's; below, all six of COCO's numbers.
    """
    settings, result = report["settings"], report["result"]
    kinds = ("box", "mask") if settings["model"] == "mask" else ("box",)
    header = ["input", "× RGB's size", "first weights"]
    first = settings["first_weights"]
    for kind in kinds:
        header += [f"{kind} AP", *(["paper"] if settings["model"] == "mask" else [])]
    rows = []
    for name, found in result["variants"].items():
        selection = variant(name).selection
        row = [name, "1" if selection is None else f"{selection.relative_size():.3g}"]
        row.append(first if isinstance(first, str) else first[name])
        for kind in kinds:
            row.append(f"{found[kind]['mean']:.3f}")
            if settings["model"] == "mask":
                row.append(f"{PAPER[name][kind]:.3f}" if name in PAPER else "")
        rows.append([*row, f"{_first_and_last(result, name)}"])
    numbers = [
        [name, kind, *(f"{_mean(result, name, kind, number):.3f}" for number in _NUMBERS)]
        for name, found in result["variants"].items()
        for kind in found
    ]
    first_table = markdown.table([*header, "loss, first and last epoch"], rows)
    return f"{first_table}\n\n{markdown.table(['input', 'found', *_NUMBERS], numbers)}"


def table(report: dict[str, Any]) -> str:
    """Write the table, and how its networks were trained."""
    settings = report["settings"]
    header = ["network", "backbone", "training images", "test images", "epochs", "sides of RGB, px"]
    row = ["Mask R-CNN" if settings["model"] == "mask" else "Faster R-CNN", settings["backbone"]]
    row += [f"{settings[key]:,}" for key in ("training_images", "test_images", "epochs")]
    row += [f"{settings['min_size']}…{settings['max_size']}", settings["precision"], "float32"]
    header += ["precision of the backbone", "precision of all else"]
    return f"{table_of(report)}\n\n{markdown.table(header, [row])}"


def _mean(result: dict[str, Any], name: str, kind: str, number: str) -> float:
    """Of the last epoch, over the networks of a variant."""
    last = [one["epochs"][-1][kind][number] for one in result["each"] if one["variant"] == name]
    return sum(last) / len(last)


def _first_and_last(result: dict[str, Any], name: str) -> str:
    losses = [[epoch["losses"]["total"] for epoch in one["epochs"]] for one in result["each"] if one["variant"] == name]
    first, last = (sum(curve[place] for curve in losses) / len(losses) for place in (0, -1))
    return f"{first:.3f} → {last:.3f}"
