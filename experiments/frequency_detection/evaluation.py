"""Average precision of boxes and masks, by pycocotools."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.frequency_detection.coco import CocoImages, Items, Target, silent
from jpegdomain.frequency import FileImage

__all__ = ["average_precision", "evaluate"]

_KINDS = {"box": "bbox", "mask": "segm"}
_NUMBERS = ("AP", "AP50", "AP75", "APs", "APm", "APl")


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    testing: Items,
    batches: Iterable[tuple[list[Tensor | FileImage], list[Target]]],
    device: torch.device,
) -> dict[str, dict[str, float]]:
    """Find objects in all images and compare them with the annotations.

    Args:
        model: The network; it is left in eval mode.
        testing: Whose images these are.
        batches: Images one by one, in their order.
        device: Of the network.

    Returns:
        'box', and 'mask' if the network finds masks: COCO's numbers.
    """
    from pycocotools import mask as rle

    model.eval()
    boxes: list[dict[str, Any]] = []
    masks: list[dict[str, Any]] = []
    images = testing.images
    for identifier, (given, _) in zip(images.ids, batches, strict=True):
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
