"""Batch norms that were folded into convolutions get their statistics back."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["unfold_norms"]


@torch.no_grad()
def unfold_norms(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Measure the statistics of all batch norms, and change their weights and biases so that outputs stay the same.

    Where they were folded into convolutions, statistics are 0 and 1, and measuring them again on other inputs would
    change what the network computes even if the inputs were the same.

    Args:
        network: Changed in place, in eval mode afterwards.
        batches: Its inputs.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    sums: dict[nn.Module, Tensor] = {}

    def add(norm: nn.Module, inputs: Any) -> None:
        x = inputs[0].double()
        count = x.new_full((x.shape[1],), x.numel() / x.shape[1])
        own = torch.stack([count, x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])
        sums[norm] = sums[norm] + own if norm in sums else own

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    network.eval()
    for batch in batches:
        network(batch)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        count, total, squares = sums[norm]
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        slope = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        norm.bias.add_(slope * (mean - norm.running_mean.double()))
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
