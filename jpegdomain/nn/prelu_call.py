"""``torch.nn.functional.prelu`` as a module: the slopes are an argument."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from jpegdomain import functional
from jpegdomain.functional import PiecewiseLinear

from .activation import Piecewise

__all__ = ["PReLUCall"]


class PReLUCall(Piecewise):
    """``torch.nn.functional.prelu``: a slope, one or one per channel, up to 0; x above."""

    def forward(self, input: Any, weight: Tensor, inplace: bool = False) -> Any:  # type: ignore[override]
        """Apply the function.

        Args:
            input: An activation, or pixels.
            weight: (1,) or (c,) the slopes.
            inplace: As for `Piecewise`.

        Returns:
            Its like, of the same extent.
        """
        pieces = PiecewiseLinear(
            (0.0,), (weight.view(-1, 1, 1), 1.0), (0.0, 0.0), (False,), lambda pixels: F.prelu(pixels, weight)
        )
        if isinstance(input, Tensor):
            exact = not isinstance(self.frequencies, Tensor) and self.frequencies == 15
            return pieces.function(input) if exact else self._masked(input, pieces)
        apply = functional.asm if self.method == "asm" else functional.apx
        return apply(self._activation(input), pieces, self.frequencies, inplace)
