"""Totals of a comparison over some of the images, and of several such parts together."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["Tally", "frequency_key"]


def frequency_key(method: str, frequencies: int) -> str:
    """Name one setting of the sweep.

    Args:
        method: 'asm' or 'apx'.
        frequencies: 1…15.

    Returns:
        Such as 'asm-6'.
    """
    return f"{method}-{frequencies}"


@dataclass
class Tally:
    """What is counted over the images.

    Args:
        images: Seen so far.
        correct: Right answers, by model.
        agree: Images with the same top-1 of the spatial and the converted model.
        deviation: Largest |difference| of their logits.
        magnitude: Largest |logit| of the spatial model.
    """

    images: int = 0
    correct: dict[str, int] = field(default_factory=dict)
    agree: int = 0
    deviation: float = 0.0
    magnitude: float = 0.0

    def compare(self, spatial: Tensor, converted: Tensor, labels: Tensor) -> None:
        """Count one batch of the two models that must agree.

        Args:
            spatial: (n, classes) logits.
            converted: (n, classes) logits.
            labels: (n,) class numbers.
        """
        self.images += len(labels)
        self.count("spatial", spatial, labels)
        self.count("converted", converted, labels)
        self.agree += int((spatial.argmax(1) == converted.argmax(1)).sum())
        deviation, magnitude = (spatial - converted).abs().max(), spatial.abs().max()
        if not torch.isfinite(deviation):
            raise FloatingPointError("the models' logits are not finite")
        self.deviation = max(self.deviation, deviation.item())
        self.magnitude = max(self.magnitude, magnitude.item())

    def count(self, key: str, logits: Tensor, labels: Tensor) -> None:
        """Count one model's right answers.

        Args:
            key: Name of the model.
            logits: (n, classes).
            labels: (n,) class numbers.
        """
        self.correct[key] = self.correct.get(key, 0) + int((logits.argmax(1) == labels).sum())

    def accuracy(self, key: str) -> float:
        """Give a model's accuracy so far.

        Args:
            key: Name of the model.

        Returns:
            0…1.
        """
        return self.correct[key] / self.images

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.images + other.images,
            {key: self.correct.get(key, 0) + other.correct.get(key, 0) for key in {**self.correct, **other.correct}},
            self.agree + other.agree,
            max(self.deviation, other.deviation),
            max(self.magnitude, other.magnitude),
        )
