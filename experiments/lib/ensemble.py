"""Many small networks of one architecture, trained independently: one vmapped step for all of them, where this pays.

A network's initial weights and the order of its images follow from its own seed. Which networks share a step changes
only the last bits of float32 sums.
"""

import copy
import math
from collections.abc import Callable, Sequence
from operator import itemgetter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_map
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib.approximation import masked_layers
from experiments.lib.labelled import Labelled

__all__ = ["seeded", "train"]

# Steps before a CUDA graph is captured, in which libraries choose and load their kernels.
_WARM_UP = 3


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network whose initial weights depend only on the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


class _Step:
    """One step of Adam for every network at once; on a GPU a captured graph, since there are many short kernels."""

    def __init__(self, networks: Sequence[nn.Module], data: Labelled, batch: int) -> None:
        self.networks = networks
        self.device = data.device
        self.images, self.labels = data.images, data.labels
        self.base = copy.deepcopy(networks[0]).train()
        self.masked = masked_layers(self.base)
        self.frequencies = self._frequencies()
        parameters, self.buffers = stack_module_state(list(networks))
        self.parameters = {name: values.detach().requires_grad_() for name, values in parameters.items()}
        # Adam works element by element, so one Adam on the stacked weights equals one for each network.
        self.optimizer = torch.optim.Adam(self.parameters.values(), capturable=self.device.type == "cuda")
        self.chosen = torch.zeros(len(networks), batch, dtype=torch.int64, device=self.device)
        self.losses = torch.zeros(len(networks), device=self.device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.taken = 0

    def _frequencies(self) -> Tensor:
        """Return (networks, masked layers); spatial networks have no columns."""
        numbers = [[layer.frequencies for layer in masked_layers(network)] for network in self.networks]
        return torch.tensor(numbers, dtype=torch.int64, device=self.device)

    def _loss(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], frequencies: Tensor, x: Tensor, y: Tensor
    ) -> Tensor:
        if len(self.networks) > 1:
            for layer, number in zip(self.masked, frequencies.unbind(), strict=True):
                layer.frequencies = number
        given = jd.Activation(x, self.images.extent) if isinstance(self.images, jd.Activation) else x
        return F.cross_entropy(functional_call(self.base, (parameters, buffers), (given,)), y)

    def _run(self) -> None:
        self.optimizer.zero_grad()
        images = self.images.coefficients if isinstance(self.images, jd.Activation) else self.images
        given = (self.parameters, self.buffers, self.frequencies, images[self.chosen], self.labels[self.chosen])
        if len(self.networks) > 1:
            losses = vmap(self._loss)(*given)
        else:
            losses = self._loss(*tree_map(itemgetter(0), given)).unsqueeze(0)
        losses.sum().backward()
        self.optimizer.step()
        self.losses += losses.detach()

    def __call__(self, chosen: Tensor) -> None:
        self.chosen.copy_(chosen)
        if self.device.type != "cuda":
            self._run()
        elif self.taken < _WARM_UP:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._run()
            torch.cuda.current_stream().wait_stream(stream)
        else:
            if self.graph is None:
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph):
                    self._run()
            self.graph.replay()
        self.taken += 1

    def give_back(self) -> None:
        """Load the trained parameters into the networks."""
        for number, network in enumerate(self.networks):
            state = {name: values[number] for name, values in {**self.parameters, **self.buffers}.items()}
            network.load_state_dict(state)


def train(
    networks: Sequence[nn.Module],
    seeds: Sequence[int],
    data: Labelled,
    *,
    epochs: int,
    batch: int,
    description: str,
    together: bool | None = None,
    quiet: bool = False,
) -> list[float]:
    """Train networks with Adam's defaults, each on its own order of the images.

    Args:
        networks: Networks of one architecture, on the data's device, all spatial or all converted. Approximating layers
            may differ in their frequencies but not in their method. The networks are trained in place and left in eval
            mode.
        seeds: Seed of each network's order of images.
        data: Training data; an activation for converted networks. The last batch of an epoch is dropped if it is
            incomplete.
        epochs: Passes over the data.
        batch: Images per step and network.
        description: Text for the progress bar.
        together: Whether all networks take each step at once, or are trained one after another. By default they are
            trained together, except on the CPU, which a single small network keeps busy.
        quiet: Whether to show no progress.

    Returns:
        Each network's mean loss over the last epoch.

    Raises:
        ValueError: If there are fewer images than a batch needs.
        FloatingPointError: If a network's loss is not finite.
    """
    if len(data) < batch:
        raise ValueError(f"there are only {len(data)} training images, fewer than a batch of {batch}")
    if together is None:
        together = data.device.type != "cpu"
    groups = [slice(None)] if together else [slice(number, number + 1) for number in range(len(networks))]
    losses: list[float] = []
    total = len(groups) * epochs * (len(data) // batch)
    with tqdm(total=total, desc=description, unit="step", leave=False, disable=quiet) as progress:
        for group in groups:
            losses += _train(networks[group], seeds[group], data, epochs, batch, progress)
    return losses


def _train(
    networks: Sequence[nn.Module], seeds: Sequence[int], data: Labelled, epochs: int, batch: int, progress: "tqdm[None]"
) -> list[float]:
    step = _Step(networks, data, batch)
    steps = len(data) // batch
    orders = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        step.losses.zero_()
        order = torch.stack([torch.randperm(len(data), generator=own) for own in orders]).to(data.device)
        for start in range(0, steps * batch, batch):
            step(order[:, start : start + batch])
            progress.update()
        losses = (step.losses / steps).tolist()
        lost = [seed for seed, loss in zip(seeds, losses, strict=True) if not math.isfinite(loss)]
        if lost:
            raise FloatingPointError(f"training diverged: the losses of the networks with seeds {lost} are not finite")
        progress.set_postfix(loss=sum(losses) / len(losses))
    step.give_back()
    for network in networks:
        network.eval()
    return losses
