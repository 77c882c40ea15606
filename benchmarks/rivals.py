"""Other packages that turn JPEG bytes into normalised pixels: decoders and resizers, where they are installed.

    pip install simplejpeg opencv-python-headless kornia-rs nvidia-dali-cuda120 spdl

Each takes a list of files and returns a float32 (n, 3, 224, 224) batch, normalised with ImageNet's statistics, after
resizing the shorter side to 256 and cropping the centre. Each uses one thread.
"""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from jpegdomain.decoding import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["Rival", "rivals"]

Rival: TypeAlias = Callable[[Sequence[bytes]], Tensor]

_SHORT, _CROP = 256, 224
_MEAN, _STD = (255 * torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


def rivals() -> dict[str, Rival]:
    """Return, by name, all rivals whose packages are installed."""
    found: dict[str, Rival] = {}
    if _installed("simplejpeg", "cv2"):
        found |= {
            "simplejpeg, OpenCV area": _simplejpeg("area"),
            "simplejpeg reduced, OpenCV area": _simplejpeg("area", min_height=_SHORT, min_width=_SHORT),
            "simplejpeg reduced and fast, OpenCV linear": _simplejpeg(
                "linear", min_height=_SHORT, min_width=_SHORT, fastdct=True, fastupsample=True
            ),
        }
    if _installed("kornia_rs"):
        found["kornia-rs"] = _kornia()
    if _installed("nvidia.dali"):
        found["DALI, CPU"] = _dali()
    return found


def _installed(*names: str) -> bool:
    try:
        return all(importlib.util.find_spec(name) is not None for name in names)
    except ModuleNotFoundError:
        return False


def _resized(height: int, width: int) -> tuple[int, int]:
    """Return the size after resizing the shorter side to 256; the longer one is rounded as torchvision does."""
    if height <= width:
        return _SHORT, int(_SHORT * width / height)
    return int(_SHORT * height / width), _SHORT


def _cropped(pixels: Any) -> Any:
    """The centre of (height, width, 3)."""
    top, left = (round((size - _CROP) / 2) for size in pixels.shape[:2])
    return pixels[top : top + _CROP, left : left + _CROP]


def _normalised(images: Sequence[Any]) -> Tensor:
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(torch.float32)
    return batch.sub_(_MEAN).div_(_STD)


def _simplejpeg(interpolation: str, **settings: Any) -> Rival:
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    way = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}[interpolation]

    def one(file: bytes) -> Any:
        pixels = simplejpeg.decode_jpeg(file, colorspace="RGB", **settings)
        height, width = _resized(*pixels.shape[:2])
        return _cropped(cv2.resize(pixels, (width, height), interpolation=way))

    return lambda files: _normalised([one(file) for file in files])


def _kornia() -> Rival:
    import kornia_rs

    def one(file: bytes) -> Any:
        pixels = np.asarray(kornia_rs.io.decode_image_jpegturbo(file, "rgb"))
        size = _resized(*pixels.shape[:2])
        return _cropped(np.asarray(kornia_rs.imgproc.resize(pixels, size, "bilinear", True)))

    return lambda files: _normalised([one(file) for file in files])


def _dali() -> Rival:
    from nvidia.dali import fn, pipeline_def, types

    @pipeline_def
    def stage() -> Any:
        encoded = fn.external_source(name="files", batch=True, dtype=types.UINT8, ndim=1)
        pixels = fn.resize(
            fn.decoders.image(encoded, device="cpu", output_type=types.RGB), resize_shorter=_SHORT, antialias=True
        )
        return fn.crop_mirror_normalize(
            pixels,
            crop=(_CROP, _CROP),
            mean=_MEAN.flatten().tolist(),
            std=_STD.flatten().tolist(),
            output_layout="CHW",
            dtype=types.FLOAT,
        )

    made: dict[int, Any] = {}

    def run(files: Sequence[bytes]) -> Tensor:
        if len(files) not in made:
            made[len(files)] = stage(batch_size=len(files), num_threads=1, device_id=None, prefetch_queue_depth=1)
            made[len(files)].build()
        made[len(files)].feed_input("files", [np.frombuffer(file, np.uint8) for file in files])
        (batch,) = made[len(files)].run()
        return torch.from_numpy(np.asarray(batch.as_tensor()))

    return run
