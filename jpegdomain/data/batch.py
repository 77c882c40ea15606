"""`JpegBatch`: quantised coefficients, as read from files or in one block of memory that moves in one transfer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from jpegdomain.codec import JpegImage
from jpegdomain.errors import InputError
from jpegdomain.foreign_transforms import register_leaf
from jpegdomain.geometry import Extent
from jpegdomain.preprocess import SeparableMap

from .assembling import assemble
from .notes import FileReport, Mixture, Normalisation
from .packing import Packed, pack, unpack
from .planes import BandedMatrices, Fills, Group, Memory, Records
from .sealing import Sealed, seal

__all__ = ["FileReport", "JpegBatch", "Mixture", "Normalisation"]

_NOTES: Final = ("reports", "normalisation", "mixtures")
"""What a batch records besides its fields."""


@dataclass(frozen=True, eq=False, repr=False)
class JpegBatch:
    """Images that enter a network together.

    They have one extent, or a preprocess gives them one. A batch holds int16 quantised coefficients and their
    quantisation steps, and these are what moves between devices. They become floats of `dtype` when the network's entry
    reads them.

    A batch made on the CPU keeps the records that it was made from; `groups`, `quantised` and `steps` are made from
    them when first needed. A batch that was moved to another device or process has only those three. On the CPU, both
    kinds are decoded equally fast.

    Attributes:
        extent: Height and width of every image as it enters the network, in pixels.
        dtype: The floating-point type that the images have in the network.
        records: The images as they were read, and their geometries; None if only tensors are left.
        memory: The same images as tensors; None until first needed.
        reports: A loader's reports on files that were left out or are defective. They move with the batch, so that
            they arrive from a data loader's workers; `as_tensors` drops them.
        normalisation: Mean and std of the preprocess, on the scale 0…1; None if it has none. They are not applied
            here: the network's entry has its own, and checks that they are the same.
        mixtures: How `MixUp` and `CutMix` mix the images, one mixture after the other, when they become floats.
        sealed: The tensors that a compiled graph sees, after `as_tensors` of images that differ; otherwise None.
    """

    extent: Extent
    dtype: torch.dtype
    records: Records | None
    memory: Memory | None = None
    # Not a field, because torch.compile's graphs depend on fields.
    reports: ClassVar[tuple[FileReport, ...]] = ()
    normalisation: ClassVar[Normalisation | None] = None
    mixtures: ClassVar[tuple[Mixture, ...]] = ()
    sealed: ClassVar[Sealed | None] = None

    def __len__(self) -> int:
        return sum(len(group.images) for group in self.groups) if self.records is None else len(self.records.images)

    def numel(self) -> int:
        """How many numbers the images have as R, G and B; trainers use it to count operations."""
        return 3 * len(self) * self.extent.height * self.extent.width

    @property
    def groups(self) -> tuple[Group, ...]:
        """The batch's groups: together they hold every position once. Their planes are views of the tensors below."""
        return self._tensors().groups

    @property
    def quantised(self) -> Tensor:
        """All coefficients, int16 (blocks·m·m,)."""
        return self._tensors().quantised

    @property
    def steps(self) -> Tensor:
        """All quantisation steps, int32."""
        return self._tensors().steps

    def _tensors(self) -> Memory:
        if self.memory is None:
            assert self.records is not None
            # The batch's contents are immutable: this only caches another form of them.
            object.__setattr__(self, "memory", assemble(self.records, self.dtype))
        assert self.memory is not None
        return self.memory

    def __reduce__(self) -> tuple[Any, ...]:
        # Tensors are passed to another process without a copy.
        state = {name: vars(self)[name] for name in _NOTES if name in vars(self)} or None
        return _unpacked, (self.extent, self.dtype, pack(self._tensors())), state

    def reporting(self, reports: Iterable[FileReport]) -> "JpegBatch":
        """A copy of the batch with these reports."""
        return self._like(JpegBatch(self.extent, self.dtype, self.records, self.memory), reports=tuple(reports))

    def normalised_by(self, normalisation: Normalisation | None) -> "JpegBatch":
        """A copy of the batch that records its preprocess's mean and std."""
        if normalisation is None:
            return self
        batch = JpegBatch(self.extent, self.dtype, self.records, self.memory)
        return self._like(batch, normalisation=normalisation)

    def mixed(self, mixture: Mixture) -> "JpegBatch":
        """A copy of the batch with one more mixture."""
        batch = JpegBatch(self.extent, self.dtype, self.records, self.memory)
        return self._like(batch, mixtures=(*self.mixtures, mixture))

    def unmixed(self) -> "JpegBatch":
        """A copy of the batch without mixtures."""
        return self._like(JpegBatch(self.extent, self.dtype, self.records, self.memory), mixtures=())

    def _like(self, batch: "JpegBatch", **notes: Any) -> "JpegBatch":
        """A new batch with this one's notes, and further ones."""
        for name in _NOTES:
            if name in notes or name in vars(self):
                object.__setattr__(batch, name, notes[name] if name in notes else vars(self)[name])
        return batch

    def as_tensors(self) -> "JpegBatch":
        """Drop the records, as a move to another device does.

        A converted model compiled by ``torch.compile`` takes such a batch into its graph. Images of one extent, colour
        model and sampling without a preprocess are decoded by torch operations. Others are decoded by one operation,
        whatever their sizes, so that one graph serves all batches. Move the batch to its device before, not after.

        Returns:
            A batch that holds only tensors.
        """
        memory = self._tensors()
        batch = JpegBatch(self.extent, self.dtype, None, memory).normalised_by(self.normalisation)
        if self.mixtures:
            object.__setattr__(batch, "mixtures", self.mixtures)
        if len(memory.groups) > 1 or self.preprocessed:
            object.__setattr__(batch, "sealed", seal(memory))
        return batch

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return torch.device("cpu") if self.records is not None else self.quantised.device

    @property
    def preprocessed(self) -> bool:
        """Whether a preprocess maps the images to the batch's extent; if not, they already have it."""
        if self.records is not None:
            return self.records.geometries is not None
        if self.sealed is not None:
            return self.sealed.preprocessed
        return self.groups[0].planes[0].maps is not None

    @property
    def maps(self) -> tuple[SeparableMap, ...]:
        """What the preprocess does to each image, with its random draws; used by `jpegdomain.preprocess.follow`.

        Raises:
            InputError: If the batch was moved to another device or process, which leaves only tensors.
        """
        if self.records is None:
            raise InputError(
                "this batch was moved, and no longer has its maps: transform targets where the batch is made, as "
                "Collate does"
            )
        if self.records.geometries is None:
            return tuple(SeparableMap.whole(image.extent) for image in self.records.images)
        return tuple(geometry.map for geometry in self.records.geometries)

    def to(self, *args: Any, **kwargs: Any) -> "JpegBatch":
        """Move the batch, or change the floating-point type that its images have in the network.

        Args:
            *args: As `torch.Tensor.to` takes them: a device, a dtype, or both.
            **kwargs: As `torch.Tensor.to` takes them.

        Returns:
            A new batch.
        """
        # torch parses the arguments: converting an empty tensor costs nothing.
        like = torch.empty(0, dtype=self.dtype, device=self.device).to(*args, **kwargs)
        blocking = {"non_blocking": kwargs.get("non_blocking", False)}
        if self.records is not None and like.device.type == "cpu":
            if like.dtype == self.dtype:
                return self
            return self._like(JpegBatch(self.extent, like.dtype, self.records))
        moved = self._map(lambda tensor: tensor.to(like.device, **blocking))
        groups = tuple(
            replace(group, planes=tuple(replace(plane, dtype=like.dtype) for plane in group.planes))
            for group in moved.groups
        )
        memory = Memory(groups, moved.quantised, moved.steps)
        return self._like(JpegBatch(self.extent, like.dtype, None, memory))

    def pin_memory(self) -> "JpegBatch":
        """Copy the batch to page-locked memory for ``non_blocking`` transfers; a data loader's ``pin_memory=True``."""
        return self._like(self._map(Tensor.pin_memory))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "JpegBatch":
        """Change all tensors, each once, and make the planes views of them again."""
        quantised, steps = change(self.quantised), change(self.steps)
        done: dict[int, BandedMatrices] = {}

        def axis(maps: BandedMatrices) -> BandedMatrices:
            if id(maps) not in done:
                done[id(maps)] = BandedMatrices(change(maps.starts), change(maps.weights), maps.taps)
            return done[id(maps)]

        at = row = 0
        groups = []
        for group in self.groups:
            planes = []
            for plane in group.planes:
                blocks, images = plane.quantised.numel(), plane.steps.numel()
                planes.append(
                    replace(
                        plane,
                        quantised=quantised[at : at + blocks].view(plane.quantised.shape),
                        steps=steps[row : row + images].view(plane.steps.shape),
                        maps=None if plane.maps is None else (axis(plane.maps[0]), axis(plane.maps[1])),
                    )
                )
                at, row = at + blocks, row + images
            fills = group.fills
            if fills is not None:
                fills = Fills(change(fills.levels), change(fills.rows), change(fills.columns))
            colors = None if group.colors is None else change(group.colors)
            groups.append(replace(group, planes=tuple(planes), fills=fills, colors=colors))
        return JpegBatch(self.extent, self.dtype, None, Memory(tuple(groups), quantised, steps))

    def __repr__(self) -> str:
        preprocessed = ", preprocessed" if self.preprocessed else ""
        return f"JpegBatch({len(self)} images, {self.extent}, {self.dtype}, device={str(self.device)!r}{preprocessed})"


def _unpacked(extent: Extent, dtype: torch.dtype, packed: Packed) -> JpegBatch:
    return JpegBatch(extent, dtype, None, unpack(packed))


for _kind in (JpegBatch, JpegImage):
    register_leaf(
        _kind,
        "geometry and colours belong in the preprocess (jpegdomain.preprocess, or torchvision's transforms there), "
        "MixUp and CutMix come from jpegdomain.data, and everything else belongs after jpegdomain.read_pixels or "
        "jpegdomain.PixelCollate, which return pixels",
    )
