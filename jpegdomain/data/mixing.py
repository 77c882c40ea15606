"""`MixUp` and `CutMix`: mix the images of a batch in pairs, together with their labels."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.errors import InputError
from jpegdomain.preprocess.augmentation import EXACT, Exactness

from .batch import JpegBatch, Mixture

__all__ = ["CutMix", "MixUp"]


@dataclass(frozen=True, kw_only=True)
class MixUp:
    """Mix each image with the one before it, exactly as ``torchvision.transforms.v2.MixUp``: λ·x + (1 − λ)·x'.

    The `JpegBatch` only records the mixture. A network's entry applies it when it makes floats, on coefficients or on
    pixels alike, since mixing is linear. Use ``batch, labels = MixUp(num_classes=10)(batch, labels)`` in a training
    loop, or in a ``collate_fn`` after `Collate`, also in workers.

    Args:
        alpha: λ has the distribution Beta(α, α).
        num_classes: Number of classes, if labels are class numbers; None if labels are probabilities.

    Raises:
        InputError: If `alpha` is not positive.
    """

    alpha: float = 1.0
    num_classes: int | None = None

    exactness: ClassVar[Exactness] = EXACT
    _concentration: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise InputError(f"alpha must be a positive number, got {self.alpha!r}")
        object.__setattr__(self, "_concentration", torch.tensor([[float(self.alpha)] * 2], device="cpu"))

    def __call__(
        self, batch: JpegBatch, labels: Tensor, generator: torch.Generator | None = None
    ) -> tuple[JpegBatch, Tensor]:
        """Draw λ, one for all images, and mix.

        Args:
            batch: n images.
            labels: (n,) class numbers, or (n, classes) probabilities.
            generator: A CPU generator for the draws; torch's global one if None.

        Returns:
            The batch, and (n, classes) probabilities.

        Raises:
            InputError: If `batch` is not a `JpegBatch`, or the labels do not fit.
        """
        if not isinstance(batch, JpegBatch):
            raise InputError(
                f"{type(self).__name__} takes a JpegBatch and its labels, got {type(batch).__qualname__}: for pixels "
                f"use torchvision.transforms.v2.{type(self).__name__}"
            )
        self._check(labels, len(batch))
        mixture, share = self._drawn(batch, generator)
        return batch.mixed(mixture), self._mixed(labels, share)

    def _drawn(self, batch: JpegBatch, generator: torch.Generator | None) -> tuple[Mixture, float]:  # noqa: ARG002
        share = self._beta(generator)
        return Mixture(share), share

    def _beta(self, generator: torch.Generator | None) -> float:
        # As torch.distributions.Beta draws, which does not take a generator.
        return float(torch._sample_dirichlet(self._concentration, generator)[0, 0])

    def _check(self, labels: Tensor, count: int) -> None:
        if not isinstance(labels, Tensor) or labels.dim() not in {1, 2} or len(labels) != count:
            given = tuple(labels.shape) if isinstance(labels, Tensor) else type(labels).__qualname__
            raise InputError(f"labels must be a tensor, one for each of {count} images, got {given}")
        if labels.dim() == 1 and self.num_classes is None:
            raise InputError("labels are class numbers, so num_classes must be given")
        if labels.dim() == 2 and self.num_classes not in {None, labels.shape[1]}:
            raise InputError(
                f"labels are probabilities of {labels.shape[1]} classes, but num_classes is {self.num_classes}"
            )

    def _mixed(self, labels: Tensor, share: float) -> Tensor:
        if labels.dim() == 1:
            assert self.num_classes is not None
            labels = F.one_hot(labels, self.num_classes)
        labels = labels if labels.is_floating_point() else labels.float()
        return share * labels + (1 - share) * labels.roll(1, 0)


@dataclass(frozen=True, kw_only=True)
class CutMix(MixUp):
    """Paste a rectangle of the preceding image into each image, exactly as ``torchvision.transforms.v2.CutMix``.

    Used like `MixUp`; on coefficients it runs exactly as J∘paste∘J̃.

    Args:
        alpha: The share of pixels that stays has the distribution Beta(α, α), before the rectangle is cut off at the
            edges.
        num_classes: Number of classes, if labels are class numbers; None if labels are probabilities.
    """

    def _drawn(self, batch: JpegBatch, generator: torch.Generator | None) -> tuple[Mixture, float]:
        share = self._beta(generator)
        height, width = batch.extent
        x, y = (int(torch.randint(side, (1,), generator=generator, device="cpu")) for side in (width, height))
        half = 0.5 * math.sqrt(1 - share)
        across, down = int(half * width), int(half * height)
        rows, columns = (max(y - down, 0), min(y + down, height)), (max(x - across, 0), min(x + across, width))
        area = (rows[1] - rows[0]) * (columns[1] - columns[0])
        return Mixture(0.0, (rows, columns)), 1 - area / (height * width)
