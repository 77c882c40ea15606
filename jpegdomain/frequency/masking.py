"""`MaskedEntry`: the entry of a converted network that keeps a set of frequency channels, or a gate's choice."""

from dataclasses import replace
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from jpegdomain.activation import Activation
from jpegdomain.colour import MIXING, RGB_TO_YCBCR, Target
from jpegdomain.data import JpegBatch
from jpegdomain.decoding import Components, Entry, Values, to_activation
from jpegdomain.domains import Domain
from jpegdomain.errors import InputError
from jpegdomain.functional import affine, cut, decode
from jpegdomain.geometry import BLOCK
from jpegdomain.transform.reference import own_dtype

from .channel_set import COMPONENTS, ChannelSet
from .gate import NormalisedGate

__all__ = ["MaskedEntry"]

_TO_MODEL: Final = {1: ((1.0,),), 3: MIXING["rgb"]["ycbcr"]}
"""For each number of model channels, the matrix from level-shifted Y, or Y, Cb and Cr, to these channels."""

_FROM_MODEL: Final = {1: ((1.0,),), 3: RGB_TO_YCBCR}

_LEVEL = 128.0


class MaskedEntry(Entry):
    """An entry that keeps only some frequency channels and sets the others to zero.

    Channels are those of Y, Cb and Cr on the luma block grid of the network's input images, after any preprocess:
    coefficients C of level-shifted samples, J(Y − 128, Cb − 128, Cr − 128), with partial blocks padded with zeros. If M
    is the set's mask, (3, 8, 8), and `scale` and `shift` follow from mean and std, then

        scale·(colour matrix · J̃(M∘C) + 128) + shift

    are the pixels that enter the network: channels that are not kept are replaced by those of mid-gray. A model with
    one input channel gets only Y. If all channels are kept, the result is that of the plain entry, to the last bit.

    A gate chooses a mask for each image from that image's 192 channels. Grayscale files have chroma 0.

    For an activation, normalised pixels in the transform domain, mean, std and colour matrix are undone before the mask
    and applied again after it: up to rounding, the result is that of a file with the same pixels.

    Args:
        kept: The channels to keep: a set, or a `NormalisedGate`, which becomes a submodule.
        channels: Number of the model's input channels, 1 or 3.
        mean, std, domain: As for `Entry`.

    Raises:
        InputError: If the model does not take 1 or 3 channels, or takes only luma and the set keeps none of it.
    """

    selection: ChannelSet | None
    gate: NormalisedGate | None

    def __init__(
        self,
        kept: ChannelSet | NormalisedGate,
        channels: int | None = 3,
        mean: Values | None = None,
        std: Values | None = None,
        domain: Domain = "transform",
    ) -> None:
        super().__init__(channels, mean, std, domain)
        if channels is None or channels not in _TO_MODEL:
            raise InputError(
                f"frequency channels need an image as input: the model takes {channels or 'an unknown number of'} "
                "channels instead of 1 or 3, so convert it without `channels`"
            )
        self._count = channels
        self.selection = kept if isinstance(kept, ChannelSet) else None
        self.gate = kept if isinstance(kept, NormalisedGate) else None
        self._mask: Tensor | None = None
        self._whole = False
        if self.selection is not None:
            if channels == 1 and not self.selection.y:
                raise InputError("the model takes only luma, but the set keeps no channel of Y: use another set")
            mask = self.selection.mask()[:channels]
            self._whole = bool(mask.all())
            # Cast at use, like mean and std.
            self._mask = mask.to(torch.float64)

    def forward(self, x: JpegBatch | Components | Activation) -> Activation | Tensor:
        """Compute the first feature map from the kept channels; arguments and result are as for `Entry`."""
        if not isinstance(x, (JpegBatch, Components, Activation)) or self._whole:
            return super().forward(x)
        masked = self._masked(x)
        scale, level = self._scale_and_level(masked.coefficients)
        with own_dtype(masked.coefficients):
            matrix = _matrix(_TO_MODEL[self._count], masked.coefficients) * scale[:, None]
            coefficients = _mixed(matrix, masked.coefficients)
            if self.domain == "transform":
                # With some frequencies missing, partial blocks are not zero outside the image.
                coefficients = cut(coefficients, x.extent)
            coefficients = affine(coefficients, x.extent, None, level)
        # Half precision begins after the entry, as in the plain one.
        return super().forward(Activation(coefficients, x.extent)).to(x.dtype)

    def normalised_pixels(self, batch: JpegBatch | Activation) -> Tensor:
        """The spatial model's input, (n, channels, h, w): the normalised pixels of the kept channels."""
        if self._whole:
            return super().normalised_pixels(batch)
        samples = decode(self._masked(batch))
        with own_dtype(samples):
            pixels = _mixed(_matrix(_TO_MODEL[self._count], samples), samples) + _LEVEL
        mean, std = (v.to(pixels).view(1, -1, 1, 1) for v in (self.mean, self.std))
        return ((pixels / 255 - mean) / std).to(batch.dtype)

    def keep(self, x: JpegBatch | Components | Activation) -> Tensor:
        """Return which channels of each image are kept: (n, 192) of 0 and 1, row-major, on the device of `x`.

        A gate in training draws new noise in every call, including this one. Penalties need the decisions of the
        forward pass itself, which are the output of ``self.gate`` in it: get them with a forward hook.
        """
        if self.gate is not None:
            return self.gate(_unshuffled(self._components(x).coefficients))
        assert self.selection is not None
        images = x.coefficients[0].shape[0] if isinstance(x, Components) else len(x)
        return self.selection.mask(torch.float32, x.device).flatten().expand(images, -1)

    def extra_repr(self) -> str:
        """Channels, mean, std, domain, and the set if there is one."""
        kept = "" if self.selection is None else f", kept={self.selection!r}"
        return super().extra_repr() + kept

    def _masked(self, x: JpegBatch | Components | Activation) -> Activation:
        """Level-shifted Y, or Y, Cb and Cr, of the kept channels, not cut at the edges of the images."""
        components = self._components(x)
        coefficients = components.coefficients
        if self.gate is not None:
            mask = self.gate(_unshuffled(coefficients)).to(coefficients.dtype).view(-1, len(COMPONENTS), BLOCK, BLOCK)
        else:
            assert self._mask is not None
            mask = self._mask.to(coefficients)[None]
        coefficients, mask = coefficients[:, : self._count], mask[:, : self._count]
        return Activation(coefficients * mask.repeat(1, 1, *x.extent.blocks), x.extent)

    def _components(self, x: JpegBatch | Components | Activation) -> Activation:
        """Level-shifted Y, Cb and Cr, or only Y if that is enough, in at least single precision."""
        wide = torch.promote_types(x.dtype, torch.float32)
        if isinstance(x, Activation):
            return self._undone(x.to(wide))
        if x.dtype != wide:
            x = replace(x, dtype=wide) if isinstance(x, Components) else x.to(wide)
        target: Target = "luma" if self._count == 1 and self.gate is None else "ycbcr"
        shift = torch.full((1 if target == "luma" else len(COMPONENTS),), -_LEVEL, dtype=wide, device=x.device)
        return to_activation(x, target, None, shift)

    def _undone(self, x: Activation) -> Activation:
        """Level-shifted components of an activation: mean, std and colour matrix undone."""
        scale, level = self._scale_and_level(x.coefficients)
        with own_dtype(x.coefficients):
            matrix = _matrix(_FROM_MODEL[self._count], x.coefficients) / scale
            coefficients = _mixed(matrix, x.coefficients)
            coefficients = affine(coefficients, x.extent, None, -(matrix @ level))
        if self.gate is not None and self._count == 1:
            coefficients = F.pad(coefficients, (0, 0, 0, 0, 0, len(COMPONENTS) - 1))
        return Activation(coefficients, x.extent)

    def _scale_and_level(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """(channels,) the factor of level-shifted levels, and mid-gray normalised."""
        scale = (1 / (255 * self.std)).expand(self._count)
        level = (_LEVEL / 255 - self.mean) / self.std
        return scale.to(like), level.expand(self._count).to(like)


def _matrix(rows: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    return torch.tensor(rows, dtype=like.dtype, device=like.device)


def _mixed(matrix: Tensor, maps: Tensor) -> Tensor:
    """Matrix times channels, (n, k, h, w) → (n, c, h, w), in the order of factors that gives a contiguous result."""
    return (matrix @ maps.flatten(2)).unflatten(2, maps.shape[2:])


def _unshuffled(coefficients: Tensor) -> Tensor:
    """One channel per frequency, row-major: (n, 3, 8X, 8Y) → (n, 192, X, Y)."""
    return F.pixel_unshuffle(coefficients, BLOCK)
