"""A detection data set in COCO's format, for networks on pixels and on the files' coefficients."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import Dataset

import jpegdomain as jd
from jpegdomain.frequency import FileImage

__all__ = ["CocoImages", "Items", "Key", "Target", "mirrored", "silent"]

Target: TypeAlias = dict[str, Tensor]
"""Boxes (k, 4) as left, top, right, bottom in pixels; labels (k,), 1…; masks (k, height, width) if they are needed."""

Key: TypeAlias = tuple[int, bool]
"""Number of an image in its set, and whether it is mirrored left to right."""


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep pycocotools from printing, and from warning that its arrays are older than NumPy 2."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class CocoImages:
    """Images and annotations.

    Args:
        images: Folder of JPEG files.
        annotations: JSON file of the objects in them.
        limit: Take about this many images, evenly spread; None for all.
        annotated: Leave out images without an object to learn from.

    Raises:
        SystemExit: If the files are not there, no image is left, or pycocotools is not installed.
    """

    def __init__(self, images: Path, annotations: Path, limit: int | None = None, annotated: bool = False) -> None:
        if not images.is_dir():
            raise SystemExit(f"--images: {images} is not a folder")
        if not annotations.is_file():
            raise SystemExit(f"--annotations: there is no file {annotations}")
        # Only here, so that --help needs no pycocotools.
        try:
            from pycocotools.coco import COCO
        except ImportError as error:
            raise SystemExit(
                "COCO's format needs pycocotools: pip install 'jpegdomain[detection,experiments]'"
            ) from error
        with silent():
            self.coco = COCO(str(annotations))
        self.folder = images
        self.categories = sorted(self.coco.getCatIds())
        ids = [i for i in sorted(self.coco.getImgIds()) if not annotated or self._objects(i)]
        step = 1 if limit is None else -(-len(ids) // limit)
        self.ids = ids[::step]
        if not self.ids:
            raise SystemExit(f"--annotations: {annotations} has no {'annotated ' if annotated else ''}images")

    def __len__(self) -> int:
        return len(self.ids)

    def identity(self) -> object:
        """Identify the images by a `repr`, so that an interrupted run resumes on the same ones only."""
        return self.categories, [(i, len(self.coco.getAnnIds(i))) for i in self.ids]

    def _objects(self, image: int) -> list[dict[str, Any]]:
        """Objects that one can learn from: no crowds, and no boxes without an interior."""
        found = self.coco.loadAnns(self.coco.getAnnIds(image, iscrowd=False))
        return [one for one in found if one["bbox"][2] > 0 and one["bbox"][3] > 0]

    def portrait(self, number: int) -> bool:
        """True if an image is taller than it is wide."""
        image = self.coco.imgs[self.ids[number]]
        return image["height"] > image["width"]

    def read(self, number: int) -> jd.JpegImage:
        """Read an image's coefficients.

        Returns:
            The file's record.
        """
        return jd.read_jpeg(self.folder / self.coco.imgs[self.ids[number]]["file_name"])

    def target(self, number: int, masks: bool) -> Target:
        """Return an image's boxes and labels, and masks if asked for."""
        image = self.coco.imgs[self.ids[number]]
        objects = self._objects(self.ids[number])
        boxes = torch.tensor([one["bbox"] for one in objects], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        boxes[:, 0::2].clamp_(0, image["width"])
        boxes[:, 1::2].clamp_(0, image["height"])
        whole = (boxes[:, 2:] > boxes[:, :2]).all(1)
        labels = torch.tensor([1 + self.categories.index(one["category_id"]) for one in objects], dtype=torch.int64)
        target = {"boxes": boxes[whole], "labels": labels[whole]}
        if masks:
            shape = (0, image["height"], image["width"])
            with silent():
                drawn = [torch.from_numpy(self.coco.annToMask(one)) for one in objects]
            target["masks"] = torch.stack(drawn)[whole] if drawn else torch.empty(shape, dtype=torch.uint8)
        return target


def mirrored(target: Target, width: int) -> Target:
    """Mirror an image's objects left to right."""
    left, top, right, bottom = target["boxes"].unbind(1)
    flipped = target | {"boxes": torch.stack([width - right, top, width - left, bottom], 1)}
    if "masks" in target:
        flipped["masks"] = target["masks"].flip(-1)
    return flipped


class Items(Dataset[tuple[Tensor | FileImage, Target]]):
    """What a network is fed with, image by image.

    Args:
        images: The data set.
        pixels: Whether the network takes RGB pixels: the float decoding, in 0…1. Otherwise it takes the file.
        masks: Whether targets have masks.
    """

    def __init__(self, images: CocoImages, pixels: bool, masks: bool) -> None:
        self.images, self.pixels, self.masks = images, pixels, masks

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: Key) -> tuple[Tensor | FileImage, Target]:
        number, flipped = key
        record = self.images.read(number)
        target = self.images.target(number, self.masks)
        if flipped:
            target = mirrored(target, record.extent.width)
        if not self.pixels:
            return FileImage(record, flipped), target
        pixels = jd.decode_rgb(jd.collate([record]))[0] / 255
        return (pixels.flip(-1) if flipped else pixels), target
