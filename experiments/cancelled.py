"""Training in the JPEG domain with J̃J cancelled between layers: the same steps, in half the time.

A converted network's layers are J∘L∘J̃. In training nothing but ReLU tells the two domains apart, and of J∘ASM∘J̃ the
transforms on the outside cancel against the neighbours': what is left is a spatial network whose ReLUs look at the
low-passed pixels of each block.
"""

from typing import Literal

import torch
from torch import Tensor, nn

import jpegdomain as jd
from jpegdomain.functional import Frequencies

__all__ = ["CancelledReLU", "with_cancelled_relus"]


class CancelledReLU(nn.Module):
    """J̃∘ASM∘J or J̃∘APX∘J of ReLU, on pixels.

    Args:
        method: 'asm': x where the low-passed x is positive, else 0 (eqs. 18 and 19); 'apx': ReLU of the low-passed x.
        frequencies: 1…15, as for `jpegdomain.nn.ReLU`.
    """

    def __init__(self, method: Literal["asm", "apx"], frequencies: Frequencies) -> None:
        super().__init__()
        self.method = method
        self.frequencies = frequencies

    def forward(self, x: Tensor) -> Tensor:
        """Apply it.

        Args:
            x: (n, c, h, w) pixels.

        Returns:
            Their like.
        """
        if not isinstance(self.frequencies, Tensor) and self.frequencies == 15:
            return x.relu()
        if self.method == "apx":
            return self._low_pass(x).relu()
        # A mask has no gradient.
        with torch.no_grad():
            low = self._low_pass(x)
        return torch.ops.aten.threshold_backward(x, low, 0.0)

    def _low_pass(self, x: Tensor) -> Tensor:
        return jd.decode(jd.encode(x), frequencies=self.frequencies)


def with_cancelled_relus(network: nn.Module, method: Literal["asm", "apx"], frequencies: Frequencies) -> nn.Module:
    """Approximate a spatial network's ReLUs, in place.

    Args:
        network: With modules of `torch.nn.ReLU`.
        method: 'asm' or 'apx'.
        frequencies: 1…15.

    Returns:
        The network; its ``state_dict`` keys are the same.
    """
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, CancelledReLU(method, frequencies))
    return network
