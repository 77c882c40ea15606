"""Processes that train one network together, each on a part of a batch; sums and gradients are over all parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional as F

__all__ = ["ALONE", "Team", "joined"]

_Part = TypeVar("_Part")
_Value = TypeVar("_Value")
_Sequence = TypeVar("_Sequence", bound=Sequence[Any])


@dataclass(frozen=True)
class Team:
    """This process among those that train one network.

    Args:
        rank: Rank of this process in its team.
        size: Number of processes in the team.
        number: Number of the team among all teams of a run.
        teams: Number of teams.
        group: The team's process group; None for a single process.
    """

    rank: int = 0
    size: int = 1
    number: int = 0
    teams: int = 1
    group: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """True in the process that writes the team's results."""
        return self.rank == 0

    def share(self, parts: Sequence[_Part]) -> list[_Part]:
        """Pick this process's parts; every process gets the same number.

        Raises:
            SystemExit: If they cannot be divided equally.
        """
        if len(parts) % self.size:
            raise SystemExit(
                f"--parts: {len(parts)} parts of a batch cannot be divided equally among {self.size} processes"
            )
        each = len(parts) // self.size
        return list(parts[self.rank * each : (self.rank + 1) * each])

    def slice(self, parts: _Sequence) -> _Sequence:
        """Pick this process's parts, as many as every other's or one more: the first, …, or the last of its team."""
        count = len(parts)
        return parts[count * self.rank // self.size : count * (self.rank + 1) // self.size]

    def sum(self, values: Tensor) -> Tensor:
        """Add up the processes' tensors; gradients are added up, too."""
        return values if self.size == 1 else all_reduce(values, group=self.group)

    def mean(self, values: Tensor) -> Tensor:
        """Average the processes' tensors; gradients are added up, since `wrapped` averages them."""
        return self.sum(values) / self.size

    def rows(self, draw: Callable[[int], Tensor], count: int) -> Tensor:
        """Draw random numbers as a single process would: for the whole batch, of which this process keeps its rows.

        Args:
            draw: Function from a number of images to a tensor with a row for each; the processes' generators are in
                the same state.
            count: This process's images, as many as every other's.
        """
        return draw(self.size * count)[self.rank * count :][:count]

    def from_first(self, load: Callable[[], _Value]) -> _Value:
        """Call a function in the team's first process, and give all of them what it returns."""
        values = [load() if self.first else None]
        if self.size > 1:
            dist.broadcast_object_list(values, src=self.number * self.size, group=self.group)
        return values[0]

    def gather(self, value: Any) -> list[Any]:
        """Collect one plain value from each process, in the order of ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.group)
        return values

    def wrapped(self, model: nn.Module) -> nn.Module:
        """Wrap a network so that its gradients are averaged; batch norms must have been through `synchronise`."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model, process_group=self.group, broadcast_buffers=False)

    def synchronise(self, model: nn.Module) -> None:
        """Make a model's batch norms and dropouts work as in one process, on the whole team's batch."""
        if self.size == 1:
            return
        for module in list(model.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, _TeamBatchNorm(child, self))
                elif isinstance(child, nn.Dropout) and child.p:
                    setattr(module, name, _TeamDropout(child, self))


class _TeamBatchNorm(nn.BatchNorm2d):
    """Batch norm over the batches of all processes, which have equal sizes; torch's own needs a GPU.

    Args:
        source: Batch norm whose parameters and running statistics it takes over.
        team: The team of processes.
    """

    def __init__(self, source: nn.BatchNorm2d, team: Team) -> None:
        super().__init__(source.num_features, source.eps, source.momentum, source.affine, source.track_running_stats)
        self.weight, self.bias = source.weight, source.bias
        for name, buffer in source.named_buffers(recurse=False):
            setattr(self, name, buffer)
        self.train(source.training)
        self._team = team

    def forward(self, x: Tensor) -> Tensor:
        """Normalise; in training, by the mean and variance of the whole batch."""
        if not self.training:
            return super().forward(x)
        wide = x.float()
        count = self._team.size * x.numel() // self.num_features
        mean = self._team.sum(wide.sum((0, 2, 3))) / count
        centred = wide - mean.view(-1, 1, 1)
        variance = self._team.sum(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert self.num_batches_tracked is not None
            assert self.running_mean is not None
            assert self.running_var is not None
            self.num_batches_tracked += 1
            assert self.momentum is not None
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_((variance * count / (count - 1)).to(self.running_var), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(x.dtype)


class _TeamDropout(nn.Module):
    """Dropout that drops what a single process would.

    Args:
        source: Dropout whose probability and mode it takes over.
        team: The team of processes.
    """

    def __init__(self, source: nn.Dropout, team: Team) -> None:
        super().__init__()
        self._share, self._team = source.p, team
        self.train(source.training)

    def forward(self, x: Tensor) -> Tensor:
        """Drop numbers of x, in training."""
        if not self.training:
            return x
        kept = self._team.rows(lambda count: F.dropout(x.new_ones(count, *x.shape[1:]), self._share), len(x))
        return x * kept


ALONE = Team()
"""The team of a process that trains by itself."""


def joined(rank: int, size: int, each: int) -> Team:
    """Divide all processes of a run into teams of neighbours.

    Args:
        rank: Rank of this process.
        size: Number of processes of the run.
        each: Number of processes per team.

    Raises:
        SystemExit: If the processes cannot be divided into such teams.
    """
    if size % each:
        raise SystemExit(f"--processes-per-network: {size} processes cannot be divided into teams of {each}")
    if each == 1:
        return Team(0, 1, rank, size)
    # Every process makes every group, in the same order.
    groups = [dist.new_group(list(range(start, start + each))) for start in range(0, size, each)]
    number = rank // each
    return Team(rank % each, each, number, size // each, groups[number])
