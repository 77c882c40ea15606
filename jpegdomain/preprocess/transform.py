"""The base class of preprocessing steps, `Transform`, and `Compose` for several."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from jpegdomain.errors import InputError
from jpegdomain.geometry import Extent

from .separable_map import SeparableMap

__all__ = ["Compose", "Transform", "check_probability", "device_of", "drawn_sides"]


def device_of(generator: torch.Generator | None) -> torch.device | None:
    """The device to draw on: the generator's, whatever torch's default device is; None without a generator."""
    return None if generator is None else generator.device


def check_probability(p: float) -> None:
    """Raise ValueError unless a number is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"p must be a probability, 0…1, got {p!r}")


def drawn_sides(
    extent: Extent, scale: Sequence[float], ratio: Sequence[float], generator: torch.Generator | None
) -> Iterator[tuple[int, int]]:
    """Draw the sides of rectangles, up to ten times, as torchvision does for crops and erased rectangles.

    Args:
        extent: Height and width of the image, in pixels.
        scale: Smallest and largest fraction of the image's area; drawn uniformly.
        ratio: Smallest and largest ratio of the sides; its logarithm is drawn uniformly.
        generator: The generator; torch's global one if None.

    Yields:
        √(area·ratio) and √(area/ratio), rounded.
    """
    device = device_of(generator)
    # On the CPU, whatever torch's default device is: the limits are not drawn.
    low, high = torch.log(torch.tensor(ratio, device="cpu")).tolist()
    for _ in range(10):
        share = torch.empty(1, device=device).uniform_(*scale, generator=generator).item()
        area = extent.height * extent.width * share
        one = torch.exp(torch.empty(1, device=device).uniform_(low, high, generator=generator)).item()
        yield round(math.sqrt(area * one)), round(math.sqrt(area / one))


class Transform:
    """A preprocessing step that is a separable affine map of the image.

    A subclass defines `place`; a random one also defines `finest`, and sets `random` to True. It must be immutable,
    preferably a frozen dataclass: the result of a transform that is not random is cached for each extent.
    """

    @property
    def random(self) -> bool:
        """Whether `place` draws random numbers."""
        return False

    @property
    def low_frequencies(self) -> bool:
        """Whether only the frequencies of each block that are visible at the image's scale are used."""
        return False

    @property
    def moves(self) -> bool:
        """Whether it moves or resamples pixels; if not, it only changes colours, targets or finished pixels."""
        return True

    @property
    def erases(self) -> bool:
        """Whether it replaces finished pixels."""
        return False

    @property
    def first(self) -> bool:
        """Whether it changes the file's coefficients themselves, so that only similar steps can come before it."""
        return False

    @property
    def before_erasing(self) -> bool:
        """Whether it cannot follow a step that replaces finished pixels."""
        return self.moves

    @property
    def turns(self) -> bool:
        """Whether draws can exchange rows and columns: then there is no `finest` draw, and `keep_for` is 8."""
        return False

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Append the step to a map.

        Args:
            so_far: The image's map by the previous steps.
            generator: The generator for random numbers; torch's global one if None. They are drawn as in torchvision:
                the same seed gives the same crop.

        Returns:
            The map followed by this step.

        Raises:
            NotImplementedError: In this base class.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define place()")

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Append the step with the largest magnification that it can draw.

        Args:
            so_far: The image's map by the previous steps.

        Returns:
            The map that needs the highest resolution of the image.
        """
        return self.place(so_far) if self.moves else so_far

    def __call__(self, extent: Extent | Sequence[int], generator: torch.Generator | None = None) -> SeparableMap:
        """Compute the map of an image.

        Args:
            extent: The image's height and width.
            generator: As for `place`.

        Returns:
            The map from the image's pixels to the result's.
        """
        return self.place(SeparableMap.whole(Extent(*extent)), generator)


@dataclass(frozen=True)
class Compose(Transform):
    """Several steps in order.

    Args:
        transforms: The steps.
        low_frequencies: Use only the lowest frequencies of each block if the image is made much smaller
            (`jpegdomain.preprocess.component_axis`); CMYK and YCCK files always use all. The default uses all, which is
            exact. If it is set in one of several nested `Compose`, it applies to all of them.

    Raises:
        InputError: If a step is not a `Transform`, or comes too late: after `RandomErasing` if it needs the pixels
            before erasing, or after any other step if it changes the file itself.
    """

    transforms: Sequence[Transform]
    low_frequencies: bool = False

    def __post_init__(self) -> None:
        for step in self.transforms:
            if not isinstance(step, Transform):
                raise InputError(
                    f"Compose takes transforms of jpegdomain.preprocess, got {type(step).__qualname__}: "
                    "convert torchvision's with jpegdomain.preprocess.from_torchvision"
                )
        erasing = changed = False
        for step in _flat(self.transforms):
            if changed and step.first:
                raise InputError(f"{type(step).__name__} changes the file's own coefficients: put it first")
            changed = changed or not step.first or step.moves
            if erasing and step.before_erasing:
                does = "moves pixels" if step.moves else "takes the mean of all pixels"
                raise InputError(f"{type(step).__name__} {does}: put it before RandomErasing")
            erasing = erasing or step.erases
        object.__setattr__(self, "transforms", tuple(self.transforms))
        low = self.low_frequencies or any(step.low_frequencies for step in self.transforms)
        object.__setattr__(self, "low_frequencies", low)

    @property
    def random(self) -> bool:
        """Whether any step draws random numbers."""
        return any(step.random for step in self.transforms)

    @property
    def moves(self) -> bool:
        """Whether any step moves pixels."""
        return any(step.moves for step in self.transforms)

    @property
    def turns(self) -> bool:
        """Whether draws of any step can exchange rows and columns."""
        return any(step.turns for step in self.transforms)

    def place(self, so_far: SeparableMap, generator: torch.Generator | None = None) -> SeparableMap:
        """Append all steps."""
        for step in self.transforms:
            so_far = step.place(so_far, generator)
        return so_far

    def finest(self, so_far: SeparableMap) -> SeparableMap:
        """Append all steps with their largest magnification."""
        for step in self.transforms:
            so_far = step.finest(so_far)
        return so_far


def _flat(steps: Sequence[Transform]) -> list[Transform]:
    """Steps in order, with nested `Compose` replaced by their steps."""
    return [one for step in steps for one in (_flat(step.transforms) if isinstance(step, Compose) else [step])]
