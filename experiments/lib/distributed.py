"""One process or many: the same script run by ``python -m`` or by ``torchrun`` on several processes or machines.

Every process, or every team of processes that train one network together, takes its share of the units of work and
keeps the results in its own journal. Teams exchange finished results, as plain values; within a team, processes
exchange gradients.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from tqdm import tqdm

from experiments.lib.journal import Journal
from experiments.lib.team import ALONE, Team, joined

__all__ = ["World", "world"]

# A process that has finished waits for the slowest one.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class World:
    """This process among those that share a run.

    Args:
        rank: Rank of this process.
        size: Number of processes.
        device: Device that this process computes on.
        team: Processes that work on a unit together.
    """

    rank: int
    size: int
    device: torch.device
    team: Team = ALONE

    @property
    def first(self) -> bool:
        """True in the process that prints and writes."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """Collect one value from each process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    @contextmanager
    def one_first(self) -> Iterator[None]:
        """Run the body in one process of each machine first, so that the others find what it has fetched."""
        alone = int(os.environ.get("LOCAL_RANK", "0")) == 0
        if not alone:
            self.gather(None)
        yield
        if alone:
            self.gather(None)

    def share(
        self, units: Sequence[str], journal: Journal, work: Callable[[str], Any], description: str
    ) -> dict[str, Any]:
        """Work on every unit once, in any process; units in a journal are already done.

        Args:
            units: Names of all units.
            journal: Journal of this process.
            work: Function from a unit's name to its result, as plain values. The result may depend only on the name.
            description: Text for the progress bar.
        """
        done = {unit for finished in self.gather(list(journal.results)) for unit in finished}
        todo = [unit for unit in units if unit not in done]
        if self.first and len(todo) < len(units):
            print(f"{description}: resuming after {len(units) - len(todo)} of {len(units)} parts")
        mine = todo[self.team.number :: self.team.teams]
        for unit in tqdm(mine, desc=description, unit="part", disable=not self.first):
            result = work(unit)
            if self.team.first:
                journal.record(unit, result)
        results: dict[str, Any] = {}
        for part in self.gather({unit: journal.results[unit] for unit in units if unit in journal.results}):
            results.update(part)
        return {unit: results[unit] for unit in units}

    def conclude(self, journal: Journal, write: Callable[[], None]) -> None:
        """Write the result in the first process, then remove every process's journal."""
        if self.first:
            write()
        # No process may remove its parts before the whole result is written.
        self.gather(None)
        journal.remove()


@contextmanager
def world(device: torch.device | str, threads: int | None = None, together: int = 1) -> Iterator[World]:
    """Join the processes that ``torchrun`` started, or run alone, and make arithmetic repeatable.

    Args:
        device: Device to compute on; 'cuda' means one GPU per process of a machine, shared if there are fewer GPUs.
        threads: Threads of each process, or None for torch's own choice. Threads split the sums over a batch, so
            results are equal to the last bit only with the same number of threads.
        together: Number of processes that work on each unit together.

    Yields:
        This process, as a `World`.

    Raises:
        SystemExit: If the processes cannot be divided into such teams.
    """
    device = torch.device(device)
    # Rounding to TensorFloat-32 would cause the largest deviation by far.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    if threads is not None:
        torch.set_num_threads(threads)
    if "RANK" not in os.environ:
        joined(0, 1, together)
        yield World(0, 1, device)
        return
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Processes exchange plain values in main memory, whatever device the networks run on.
    dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        rank, size = dist.get_rank(), dist.get_world_size()
        yield World(rank, size, device, joined(rank, size, together))
    finally:
        # Destroying the group joins gloo's threads without releasing the GIL; a thread that still has to free a tensor
        # of the last exchange would wait for the GIL for ever.
        time.sleep(0.1)
        dist.destroy_process_group()
