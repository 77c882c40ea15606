"""`Schedule`: a number that runs from one value to another in the course of training."""

import math
from dataclasses import dataclass
from typing import Literal

from jpegdomain.errors import InputError

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Runs from `start` to `end` over `steps` steps, and stays there; for a gate's temperature, noise or target.

    With u = min(step/steps, 1), 'exponential' is start·(end/start)^u, and 'cosine' end + (start − end)·(1 + cos πu)/2.

    ```python
    noise = Schedule(1, 0, steps=8 * len(batches), shape="cosine")
    gate.noise = noise(step)
    ```

    Args:
        start: Value at step 0.
        end: Value from step `steps` on.
        steps: How many, 1 or more.
        shape: 'exponential' or 'cosine'.

    Raises:
        InputError: If there are no steps, the shape has another name, or an exponential does not run between positive
            values.
    """

    start: float
    end: float
    steps: int
    shape: Literal["exponential", "cosine"] = "exponential"

    def __post_init__(self) -> None:
        if self.shape not in {"exponential", "cosine"}:
            raise InputError(f"a schedule is 'exponential' or 'cosine', got {self.shape!r}")
        if not self.steps >= 1:
            raise InputError(f"a schedule has 1 step or more, got {self.steps!r}")
        if self.shape == "exponential" and not (self.start > 0 and self.end > 0):
            raise InputError(
                f"an exponential runs between positive values, got {self.start} and {self.end}: use shape='cosine'"
            )

    def __call__(self, step: int) -> float:
        """Give the value at a step.

        Args:
            step: 0 or more.

        Returns:
            A number from `start` to `end`.
        """
        u = min(step / self.steps, 1)
        if u == 1:
            return self.end
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** u
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * u)) / 2
