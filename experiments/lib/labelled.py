"""A whole labelled set in memory, as pixels or as an activation, for training and testing small networks."""

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

import jpegdomain as jd
from experiments.lib.images import Images
from jpegdomain.decoding import Entry

__all__ = ["Labelled", "load_all"]

_AT_ONCE = 1000


@dataclass(frozen=True)
class Labelled:
    """Normalised images of one extent, with their classes.

    Args:
        images: (n, c, h, w) pixels, or an activation of that shape.
        labels: (n,) class numbers.
    """

    images: Tensor | jd.Activation
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """The device of images and labels."""
        return self.labels.device

    def decoded(self) -> "Labelled":
        """Decode to pixels.

        Returns:
            The same images as pixels, in contiguous memory: spatial networks run on torch's own kernels, some of which
            have faults in channels-last memory (`jpegdomain.functional.faulty_kernels`).
        """
        if isinstance(self.images, Tensor):
            return self
        parts = [jd.decode(part).contiguous() for part in self.parts()]
        return Labelled(torch.cat(parts), self.labels)

    def parts(self, size: int = _AT_ONCE) -> list[Tensor] | list[jd.Activation]:
        """Divide the images into batches."""
        if isinstance(self.images, Tensor):
            return list(self.images.split(size))
        return [jd.Activation(part, self.images.extent) for part in self.images.coefficients.split(size)]


def load_all(images: Images, dtype: torch.dtype, device: torch.device, quiet: bool = False) -> Labelled:
    """Read a whole set, normalised as `jpegdomain.convert` does by default.

    Raises:
        SystemExit: If their extents differ.
    """
    entry = Entry(images.channels)
    units = images.units(_AT_ONCE)
    whole: jd.Activation | None = None
    labels = torch.empty(len(images), dtype=torch.int64, device=device)
    for unit in tqdm(units, desc=f"reading {images.name}", unit=f"{_AT_ONCE} images", disable=quiet, leave=False):
        data, labels[unit] = images.encoded(unit, entry, dtype, device)
        part = entry(data)
        if whole is None:
            whole = jd.Activation(part.coefficients.new_empty(len(images), *part.coefficients.shape[1:]), part.extent)
        if part.extent != whole.extent:
            raise SystemExit(
                f"{images.name} has images of {whole.extent} and of {part.extent}: all training images must have "
                "the same size; crop or resize the files first"
            )
        whole.coefficients[unit] = part.coefficients
    if whole is None:
        raise SystemExit(f"{images.name} holds no images")
    return Labelled(whole, labels)
