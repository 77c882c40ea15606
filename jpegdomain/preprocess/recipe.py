"""A preprocessing pipeline as geometry, mean and std; `from_torchvision` reads torchvision's."""

from dataclasses import dataclass

from .transform import Transform

__all__ = ["Recipe", "from_torchvision"]


@dataclass(frozen=True)
class Recipe:
    """What a preprocessing pipeline does to an image: its geometry, then (levels/255 − mean)/std.

    Attributes:
        transform: The geometry.
        mean: Of the channels on the scale 0…1; one number for all, or one each.
        std: As `mean`.
    """

    transform: Transform
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


def from_torchvision(pipeline: object) -> Recipe:
    """Read a preset, a transform or a pipeline of torchvision.

    Supported are ``weights.transforms()`` of the classifiers; ``Compose`` and ``nn.Sequential`` of Resize, CenterCrop,
    Pad, RandomCrop, RandomResizedCrop, RandomHorizontalFlip, RandomVerticalFlip; ColorJitter without hue, Grayscale to
    three channels, RandomGrayscale, RandomInvert, RandomChannelPermutation, RandomErasing; JPEG, in front of all others
    (see `JpegQuality`); ToTensor, PILToTensor, ToImage, ToPureTensor, ToDtype, ConvertImageDtype, RGB, Identity and
    Normalize; and those that change targets alone, ClampBoundingBoxes, SanitizeBoundingBoxes, ConvertBoundingBoxFormat
    and the like.

    The result is the pipeline on floating-point images: without the rounding to 8 bits between steps on uint8 or Pillow
    images, and without ColorJitter's clamping. Random numbers are drawn as v2 draws them: v1's RandomCrop draws one
    more where only one side of an image is longer than the crop's.

    Args:
        pipeline: A preset, a transform or a pipeline.

    Returns:
        Geometry, mean and std.

    Raises:
        InputError: If a step has no counterpart, or one that needs a fill comes after Normalize; the message names it.
    """
    # torchvision takes longer to import than this package; with a pipeline it is already imported.
    from .torchvision import read

    return read(pipeline)
