"""The learning rate, as a function of the step: nothing to save and restore."""

import math

__all__ = ["SCHEDULES", "learning_rate"]

SCHEDULES = ("cosine", "step")


def learning_rate(progress: float, schedule: str, warmup: float = 0.0) -> float:
    """Give the factor of the largest learning rate.

    'cosine': ½·(1 + cos π·t), where t runs from 0 to 1 after the warm-up. 'step': a tenth after each third of the
    training, as in 90 epochs with a step every 30. During the warm-up the factor rises linearly, from 0.

    Args:
        progress: Share of the training's steps that have been taken, 0…1.
        schedule: One of `SCHEDULES`.
        warmup: Share of the training, 0…1.

    Returns:
        0…1.
    """
    if progress < warmup:
        return progress / warmup
    if schedule == "step":
        return 0.1 ** math.floor(3 * progress)
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
