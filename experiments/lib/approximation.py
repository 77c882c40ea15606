"""ASM and APX at any number of frequencies on one converted model, and their accuracies over several networks."""

from typing import Any

from torch import nn

import jpegdomain as jd

__all__ = ["METHODS", "accuracy_table", "masked_layers", "set_approximation"]

METHODS = ("asm", "apx")


def masked_layers(network: nn.Module) -> list[nn.Module]:
    """Find the layers that ASM or APX approximates."""
    if isinstance(network, jd.ConvertedModel):
        return [*network.approximating.values()]
    return [layer for layer in network.modules() if hasattr(layer, "frequencies")]


def set_approximation(converted: jd.ConvertedModel, method: str, frequencies: int) -> None:
    """Set every approximated layer of a converted model as ``convert`` with these options would.

    Args:
        converted: The model.
        method: 'asm' or 'apx'.
        frequencies: 1…15.
    """
    for layer in masked_layers(converted):
        layer.method, layer.frequencies = method, frequencies


def accuracy_table(result: dict[str, Any]) -> str:
    """Format the accuracies of several networks over frequencies.

    Args:
        result: Its 'frequencies' maps numbers of frequencies to methods to the `spread` of their accuracies.
    """
    methods = list(dict.fromkeys(method for row in result["frequencies"].values() for method in row))
    lines = ["  frequencies   " + "   ".join(f"{method.upper():<15}" for method in methods).rstrip()]
    for n, row in result["frequencies"].items():
        cells = [f"{row[method]['mean']:.4f} ± {row[method]['std']:.4f}" for method in methods]
        lines.append(f"  {n:>11}   {'   '.join(cells)}")
    return "\n".join(lines)
