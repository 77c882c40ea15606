"""`Frontend`: the first layer of a network on frequency channels, from files or pixels to normalised channels."""

from typing import Any

import torch
from torch import Tensor, nn

from jpegdomain.errors import InputError

from .channel_set import ChannelSet
from .channels import Source, check_chroma, wide_channels
from .nearest import Chroma
from .statistics import ChannelStatistics

__all__ = ["Frontend"]


class Frontend(nn.Module):
    """Selected frequency channels, normalised: (x − mean)/max(std, floor) (Xu et al. 2020, section 3.1).

    The floor is that of the statistics; Xu et al. use none. The buffers `mean` and `std` hold mean and divisor, and the
    state dict also has the selection and the kind of chroma: a network saved with its frontend includes its data's
    statistics, and cannot be loaded into a network with other channels.

    Args:
        selection: Which channels, and in which order to stack them.
        statistics: Statistics of all 192 channels, or of the selected ones; None leaves the channels in levels.
        chroma: As for `frequency_channels`.

    Raises:
        InputError: If the selection is not a `ChannelSet`, or the statistics are for other channels or another chroma.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, selection: ChannelSet, statistics: ChannelStatistics | None = None, *, chroma: Chroma = "exact"
    ) -> None:
        super().__init__()
        if not isinstance(selection, ChannelSet):
            raise InputError(
                f"selection must be a ChannelSet, such as jpegdomain.frequency.published('24S'); got "
                f"{type(selection).__qualname__}"
            )
        check_chroma(chroma)
        self.selection = selection
        self.chroma: Chroma = chroma
        self._indices = selection.indices
        if statistics is None:
            mean, std = torch.zeros(len(selection)), torch.ones(len(selection))
        else:
            own = statistics.select(selection) if statistics.selection is None else statistics
            if own.selection != selection:
                raise InputError(f"the frontend selects {selection.called}, its statistics are for {own.selection!r}")
            if own.chroma != chroma:
                raise InputError(
                    f"the frontend has chroma={chroma!r}, but its statistics are for chroma={own.chroma!r}: fit them "
                    f"with fit_statistics(…, chroma={chroma!r})"
                )
            mean, std = own.mean.to(torch.get_default_dtype()), own.divisor.to(torch.get_default_dtype())
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Source) -> Tensor:
        """Normalised channels (n, len(selection), ⌈h/8⌉, ⌈w/8⌉) of files or of RGB pixels 0…255, in their dtype."""
        channels = wide_channels(x, self._indices, self.chroma)
        mean, std = (values.to(channels.dtype).view(-1, 1, 1) for values in (self.mean, self.std))
        return ((channels - mean) / std).to(x.dtype)

    def get_extra_state(self) -> dict[str, Any]:
        """Selection and kind of chroma, as plain values."""
        return {"selection": self.selection.to_dict(), "chroma": self.chroma}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Check that a loaded state is for the same channels.

        Raises:
            InputError: If its selection or its chroma is different.
        """
        selection = ChannelSet.from_dict(state["selection"])
        if selection != self.selection:
            raise InputError(
                f"this state is for {selection.called}, but the frontend selects {self.selection.called}: make it with "
                "Frontend(ChannelSet.from_dict(state['selection'])), where state is the file's '_extra_state'"
            )
        if state["chroma"] != self.chroma:
            raise InputError(f"this state is for chroma={state['chroma']!r}, the frontend has chroma={self.chroma!r}")

    def extra_repr(self) -> str:
        """The selection and the kind of chroma."""
        return f"{self.selection.called}, chroma={self.chroma!r}"
