"""A preprocessing pipeline as transform, mean and std: `recipe_of` reads the pipelines of all supported libraries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .transform import Transform

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Recipe", "from_torchvision", "recipe_of", "simplified", "split_torchvision"]


@dataclass(frozen=True)
class Recipe:
    """What a preprocessing pipeline does to an image: a transform, then (levels/255 − mean)/std.

    Attributes:
        transform: The transform.
        mean: The channels' mean on the scale 0…1: one number for all, or one for each; None if it is not specified, as
            with a `Transform`.
        std: As `mean`.
    """

    transform: Transform
    mean: tuple[float, ...] | None = (0.0,)
    std: tuple[float, ...] | None = (1.0,)

    @property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and std; None for a pipeline that does not change values."""
        if self.mean is None or self.std is None or (self.mean, self.std) == ((0.0,), (1 / 255,)):
            return None
        return self.mean, self.std


def recipe_of(preprocess: object) -> Recipe:
    """Read a preprocess of any of the following kinds; every argument named ``preprocess`` accepts all of them.

    - A transform of `jpegdomain.preprocess`, which does not specify mean and std, or a `Recipe`.
    - torchvision's presets, transforms and pipelines: see `from_torchvision`.
    - timm: what ``timm.data.create_transform`` returns, without a prefetcher, and the settings that
      ``timm.data.resolve_data_config`` returns, for inference. Random crops have timm's distribution; they are drawn
      by torch's generator instead of Python's.
    - Hugging Face: image processors that resize, crop the middle, rescale and normalise as their base class does, and
      processors that contain one.

    The result is what they compute on floating-point images.

    Args:
        preprocess: Any of these.

    Returns:
        The transform, mean and std.

    Raises:
        InputError: If it is none of these, or a step has no counterpart; the message names it.
        MissingPackageError: If timm's settings are given and timm is not installed.
    """
    if isinstance(preprocess, Recipe):
        return preprocess
    if isinstance(preprocess, Transform):
        return Recipe(preprocess, None, None)
    if isinstance(preprocess, Mapping):
        from .timm import from_config

        return from_torchvision(from_config(preprocess))
    if hasattr(preprocess, "image_processor") or hasattr(preprocess, "do_rescale"):
        from .hugging_face import from_processor

        return from_processor(preprocess)
    return from_torchvision(preprocess)


def simplified(preprocess: object) -> "Transform | Recipe":
    """Read a preprocess once, so that `recipe_of` is fast later: transforms stay unchanged, others become recipes."""
    return preprocess if isinstance(preprocess, Transform) else recipe_of(preprocess)


def from_torchvision(pipeline: object) -> Recipe:
    """Read a preset, a transform or a pipeline of torchvision.

    Supported are ``weights.transforms()`` of the classifiers; ``Compose`` and ``nn.Sequential`` of Resize, CenterCrop,
    Pad, RandomCrop, RandomResizedCrop, RandomHorizontalFlip, RandomVerticalFlip; ColorJitter without hue, Grayscale to
    three channels, RandomGrayscale, RandomInvert, RandomChannelPermutation, RandomErasing; JPEG, before all others
    (see `JpegQuality`); RandomApply of these; ToTensor, PILToTensor, ToImage, ToPureTensor, ToDtype, ConvertImageDtype,
    RGB, Identity and Normalize; and those that change only targets, ClampBoundingBoxes, SanitizeBoundingBoxes,
    ConvertBoundingBoxFormat and the like.

    The result is the pipeline on floating-point images: without the rounding to 8 bits between steps on uint8 or Pillow
    images, and without ColorJitter's clamping. Random numbers are drawn as in v2; v1's RandomCrop draws one more number
    if only one side of an image is longer than the crop's.

    For other steps, `split_torchvision` divides a pipeline; they can run on the pixels from `read_pixels` or
    `PixelCollate`.

    Args:
        pipeline: A preset, a transform or a pipeline.

    Returns:
        The transform, mean and std.

    Raises:
        InputError: If a step has no counterpart, or a step that needs a fill comes after Normalize; the message names
            the step.
    """
    # torchvision takes longer to import than this package; with a pipeline it is already imported.
    from .reading import read

    return read(pipeline)


def split_torchvision(pipeline: object) -> "tuple[Recipe, nn.Module]":
    """Divide a torchvision pipeline at the first step that `from_torchvision` cannot read.

    After ``ours, rest = split_torchvision(pipeline)``, ``PixelCollate(ours)`` makes pixels, and ``rest(image)`` of each
    image gives the pipeline's result. Call `rest` with one image at a time, since a random step draws once per call; or
    with (image, target), if boxes and masks were transformed. If the pipeline's image is still uint8 at this point,
    `rest` begins with rounding.

    Args:
        pipeline: A preset, a transform or a pipeline.

    Returns:
        The steps before it, as `from_torchvision` reads them, on the scale 0…1 unless they normalise; and that step
        with all later ones, or ``v2.Identity`` if there are none.
    """
    from .splitting import split

    return split(pipeline)
