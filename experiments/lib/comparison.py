"""ASM and APX compared by the accuracies of several networks: which is ahead, and how many frequencies are enough."""

from typing import Any

from experiments.lib.intervals import interval

__all__ = ["ahead", "enough", "numbers", "paired"]


def paired(result: dict[str, Any]) -> dict[int, list[float]]:
    """Compare ASM with APX network by network: networks of one seed have the same initial weights and order of images.

    Returns:
        By number of frequencies, the accuracy with ASM minus that with APX, for each seed that has both.
    """
    found: dict[int, dict[int, dict[str, float]]] = {}
    for one in result["each"]:
        if isinstance(one["frequencies"], dict):
            for n, row in one["frequencies"].items():
                found.setdefault(int(n), {})[one["seed"]] = row
        else:
            found.setdefault(one["frequencies"], {}).setdefault(one["seed"], {})[one["method"]] = one["accuracy"]
    return {
        n: [row["asm"] - row["apx"] for _, row in sorted(seeds.items()) if len(row) == 2]
        for n, seeds in sorted(found.items())
    }


def ahead(result: dict[str, Any]) -> dict[str, list[int]]:
    """Find the numbers of frequencies at which a method is significantly ahead.

    Returns:
        'asm' and 'apx': where zero is outside the 95 % interval (Student's t) of the mean paired difference, at each
        number by itself; 'neither': all other numbers.
    """
    verdict: dict[str, list[int]] = {"asm": [], "apx": [], "neither": []}
    for n, differences in paired(result).items():
        over = interval(differences or [0.0])
        mean, chance = over["mean"], over["half_width"]
        verdict["neither" if chance is None or abs(mean) <= chance else "asm" if mean > 0 else "apx"].append(n)
    return verdict


def enough(result: dict[str, Any], method: str, loss: float) -> int | None:
    """Find how many frequencies come close to all 15.

    Args:
        result: As for `paired`.
        method: 'asm' or 'apx'.
        loss: Largest loss of mean accuracy, compared with 15 frequencies, that counts as close.

    Returns:
        The smallest number such that it and all larger ones are close; None if 15 is not among the numbers.
    """
    means = {int(n): row[method]["mean"] for n, row in result["frequencies"].items() if method in row}
    if 15 not in means:
        return None
    close = 15
    for n in sorted(means, reverse=True):
        if means[n] < means[15] - loss:
            break
        close = n
    return close


def numbers(values: list[int]) -> str:
    """Write whole numbers as ranges.

    Returns:
        Such as '1–3, 7', or 'none'.
    """
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs) or "none"
