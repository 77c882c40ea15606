"""The map of one kind of preprocessed files as constants, so that size, sampling and preprocess are part of a graph."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from jpegdomain.colour import BLACK, INKS, Target, recolored
from jpegdomain.data import JpegBatch
from jpegdomain.errors import InputError
from jpegdomain.geometry import BLOCK

from .matrices import constant_term, matrices_of

__all__ = ["FixedMap"]


class FixedMap(nn.Module):
    """Maps whole components of files of one size, colour model and sampling to preprocessed pixels.

    Args:
        example: A batch of one preprocessed file of that kind, read whole, in float64.
        windows: For each component ((first, last + 1) block row, (first, last + 1) block column) that its map reads.
        target: The channels wanted, 'luma' or 'rgb'.

    Raises:
        InputError: If the file is CMYK or YCCK, whose map is not affine.
    """

    def __init__(
        self, example: JpegBatch, windows: Sequence[tuple[tuple[int, int], tuple[int, int]]], target: Target
    ) -> None:
        super().__init__()
        (group,) = example.groups
        if group.color in INKS:
            raise InputError("the preprocess of CMYK or YCCK files cannot be exported: export without a preprocess")
        self.windows = tuple(windows)
        # Always float64, cast at use.
        mix = torch.from_numpy(
            recolored(group.color, target, None if group.colors is None else group.colors[0].numpy())
        )
        self.planes = mix.shape[1]
        self.register_buffer("mix", mix, persistent=False)
        for number, plane in enumerate(group.planes[: self.planes]):
            rows, columns = matrices_of(plane)
            self.register_buffer(f"rows{number}", rows, persistent=False)
            self.register_buffer(f"columns{number}", columns, persistent=False)
        constants = constant_term(group, target, torch.float64, transform=False)
        if constants is None:
            level = torch.full((1, 1, 1, 1), 128.0, dtype=torch.float64)
        else:
            level = constants + torch.tensor(BLACK[target], dtype=torch.float64).view(-1, 1, 1)
        self.register_buffer("level", level, persistent=False)

    def forward(self, quantised: Sequence[Tensor], tables: Tensor, dtype: torch.dtype) -> Tensor:
        """Compute levels.

        Args:
            quantised: For each component (n, X, Y, 64) int16.
            tables: (n, components, 64) int32.
            dtype: The result's dtype.

        Returns:
            (n, channels, height, width) levels; 0…255, except for overshoot.
        """
        parts = []
        for number, ((top, bottom), (left, right)) in enumerate(self.windows[: self.planes]):
            levels = quantised[number][:, top:bottom, left:right].to(dtype)
            values = levels * tables[:, number, None, None].to(dtype)
            tiles = values.unflatten(3, (BLOCK, BLOCK)).permute(0, 1, 3, 2, 4)
            canvas = tiles.reshape(-1, BLOCK * (bottom - top), BLOCK * (right - left))
            rows, columns = self.get_buffer(f"rows{number}").to(dtype), self.get_buffer(f"columns{number}").to(dtype)
            parts.append(rows @ canvas @ columns.mT)
        mixed = torch.einsum("ck,nkhw->nchw", self.get_buffer("mix").to(dtype), torch.stack(parts, 1))
        return mixed + self.get_buffer("level").to(dtype)
