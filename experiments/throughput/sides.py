"""The ways from JPEG bytes to logits that `experiments.throughput` times: pixels first, or coefficients.

Each is a chain of steps, so that the stages can be timed separately and together.
"""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

import jpegdomain as jd
from jpegdomain import preprocess as pp

__all__ = ["JPEG_SIDES", "MODES", "SIDES", "Chain", "Geometry", "Mode", "jpeg_chain", "spatial_chain"]

SIDES = ("spatial", "fused", "transform")
"""Pixels first, then the converted network in each of its plans."""
JPEG_SIDES = SIDES[1:]

Mode: TypeAlias = Literal["inference", "training"]
MODES: tuple[Mode, ...] = ("inference", "training")
_Network: TypeAlias = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Geometry:
    """The geometry of an image before the network: unchanged, or an antialiased resize and a crop.

    Args:
        resize: The short side, or None to leave the size.
        crop: Height and width of the centre crop, or None.
    """

    resize: int | None = None
    crop: int | None = None

    def ours(self) -> pp.Transform | None:
        """Return the preprocess for `jpegdomain.collate`."""
        if self.resize is None or self.crop is None:
            return None
        return pp.Compose([pp.Resize(self.resize), pp.CenterCrop(self.crop)])

    def theirs(self) -> Callable[[Tensor], Tensor]:
        """Return the same as torchvision's transforms of one image."""
        if self.resize is None or self.crop is None:
            return nn.Identity()
        return v2.Compose([v2.Resize(self.resize, antialias=True), v2.CenterCrop(self.crop)])


@dataclass(frozen=True)
class Chain:
    """One way from bytes to logits.

    Args:
        steps: Name → function of the previous step's result; the first takes the files' bytes, the last returns the
            network's input.
        network: Function from that input and labels to logits.
        entry: The part of `network` that is preprocessing, timed separately; None if there is none.
        memory_format: Memory format of the network's activations.
    """

    steps: dict[str, Callable[[Any], Any]]
    network: _Network
    entry: Callable[[Any], object] | None
    memory_format: str

    def run(self, files: Sequence[bytes], labels: Tensor) -> Tensor:
        """Run from a batch of files to logits."""
        value: Any = files
        for step in self.steps.values():
            value = step(value)
        return self.network(value, labels)


def _inference(model: nn.Module) -> _Network:
    model = model.eval()

    def run(images: Any, _: Tensor) -> Tensor:
        with torch.inference_mode():
            return model(images)

    return run


def _training(model: nn.Module) -> _Network:
    """Return forward, backward and a step of SGD, on a separate copy of the weights."""
    model = model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def run(images: Any, labels: Tensor) -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        logits = model(images)
        F.cross_entropy(logits, labels).backward()
        optimiser.step()
        return logits.detach()

    return run


def _network(model: nn.Module, mode: Mode) -> _Network:
    return _inference(model) if mode == "inference" else _training(copy.deepcopy(model))


def spatial_chain(
    model: nn.Module,
    entry: nn.Module,
    geometry: Geometry,
    mode: Mode,
    device: torch.device,
    threads: int,
    memory_format: torch.memory_format,
) -> Chain:
    """Build what a user would usually do: ``decode_jpeg``, torchvision's transforms on uint8, the network.

    Files are decoded, resized and cropped by as many threads as the network has. Batches are moved to the device as
    uint8, and scaled and normalised there.
    """
    kind = ImageReadMode.GRAY if entry.channels == 1 else ImageReadMode.RGB
    transform = geometry.theirs()
    scale, shift = (1 / (255 * entry.std)), -entry.mean / entry.std
    scale, shift = (v.float().expand(entry.channels).reshape(1, -1, 1, 1).to(device) for v in (scale, shift))
    mapped = _mapping(threads)

    def decode(files: Sequence[bytes]) -> list[Tensor]:
        return mapped(lambda file: decode_jpeg(torch.frombuffer(bytearray(file), dtype=torch.uint8), kind), files)

    def prepare(images: list[Tensor]) -> Tensor:
        batch = torch.stack(mapped(transform, images))
        if device.type == "cuda":
            batch = batch.pin_memory().to(device, non_blocking=True)
        # Equal to ToDtype(scale=True) and Normalize, with one pass less.
        return torch.addcmul(shift, batch.float(), scale).contiguous(memory_format=memory_format)

    own = copy.deepcopy(model).to(device=device, memory_format=memory_format)
    name = "channels last" if memory_format == torch.channels_last else "contiguous"
    return Chain({"decoding": decode, "preprocessing": prepare}, _network(own, mode), None, name)


def _mapping(threads: int) -> Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]:
    if threads == 1:
        return lambda function, values: [function(value) for value in values]
    pool = ThreadPoolExecutor(threads)
    return lambda function, values: list(pool.map(function, values))


def jpeg_chain(
    converted: jd.ConvertedModel, geometry: Geometry, mode: Mode, device: torch.device, threads: int
) -> Chain:
    """Build the JPEG side: ``read_jpegs``, ``collate``, the converted network with its entry."""
    preprocess = geometry.ours()
    own = copy.deepcopy(converted).to(device)

    def read(files: Sequence[bytes]) -> list[jd.JpegImage]:
        return jd.read_jpegs(files, threads=threads)

    def prepare(images: list[jd.JpegImage]) -> jd.JpegBatch:
        batch = jd.collate(images, preprocess=preprocess)
        return batch if device.type == "cpu" else batch.pin_memory().to(device, non_blocking=True)

    def entry(batch: jd.JpegBatch) -> object:
        with torch.inference_mode():
            return own.jpeg_entry(batch)

    return Chain({"decoding": read, "preprocessing": prepare}, _network(own, mode), entry, "channels last")
