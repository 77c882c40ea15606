"""Running totals of a comparison, kept on disk so that an interrupted run goes on where it stopped."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["Checkpoint", "Tally", "frequency_key"]


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


class Checkpoint:
    """The totals after each unit of work, in a file beside the result.

    Args:
        path: Of the file.
        settings: Of the run; a file of another run is not taken up.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self.tally = Tally()
        self.done = 0
        if path.exists():
            saved = json.loads(path.read_text())
            if saved["settings"] == settings:
                self.tally, self.done = Tally(**saved["tally"]), saved["done"]

    def remaining(self, units: list[list[int]]) -> Iterator[list[int]]:
        """Go through what is not done yet; each unit counts as done when the next is asked for.

        Args:
            units: All of the work.

        Yields:
            The units left.
        """
        for unit in units[self.done :]:
            yield unit
            self.done += 1
            self._save()

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A rename is all or nothing: a kill in between leaves the old totals.
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"settings": self.settings, "done": self.done, "tally": asdict(self.tally)}))
        fresh.replace(self.path)

    def finish(self) -> None:
        """Remove the file: the result stands on its own."""
        self.path.unlink(missing_ok=True)
