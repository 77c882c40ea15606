"""Convolution as a module: the spatial kernel is the parameter, Ξ a cache beside it."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from jpegdomain import functional
from jpegdomain.errors import UnsupportedFoldError
from jpegdomain.geometry import Extent, Window
from jpegdomain.planning import FORMS, Convolution, Form, choose_form
from jpegdomain.theory import folding

from .base import Features, Layer

__all__ = ["Conv2d"]

_FOLDED: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""For each kernel, as long as it lives: what else Ξ depends on, the values that it was made from, and Ξ."""


def check_form(form: Any) -> None:
    """Raise UnsupportedFoldError if `form` is unknown."""
    if form not in (*FORMS, "auto"):
        raise UnsupportedFoldError(f"form must be 'auto' or one of {', '.join(FORMS)}; got {form!r}")


class Conv2d(Layer, torch.nn.Conv2d):
    """``torch.nn.Conv2d`` on activations: J∘C∘J̃, Ehrlich & Davis (2019) eqs. (11) to (13).

    In ``eval()`` a dense or stencil Ξ is built at first use and cached outside the ``state_dict``. It is built again
    when the weights, their dtype or device have changed, and dropped in training. While gradients flow to the kernel,
    Ξ is part of the graph and is not cached.

    Args:
        *args: As for ``torch.nn.Conv2d``.
        form: 'dense', 'stencil', 'factored', or 'auto' for the planner's choice by extent and batch.
        **kwargs: As for ``torch.nn.Conv2d``.

    Raises:
        UnsupportedFoldError: If `form` is unknown, or the padding mode has no dense or stencil form.
    """

    on_pixels = True
    settings = {"form": "auto"}  # noqa: RUF012
    form: Form | Literal["auto"]

    def __init__(self, *args: Any, form: Form | Literal["auto"] = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form = form

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "form":
            check_form(value)
            if value in ("dense", "stencil") and self.padding_mode != "zeros":
                raise UnsupportedFoldError(
                    f"padding_mode={self.padding_mode!r} has no {value} form: use form='factored'"
                )
        super().__setattr__(name, value)

    @property
    def window(self) -> Window:
        """The kernel's geometry."""
        return Window.of(self.kernel_size, self.stride, self.padding, self.dilation)

    def sizes(self, batch: int, extent: Extent) -> Convolution:
        """Return the sizes that the planner needs, for a batch of images of one extent in pixels."""
        channels = self.in_channels, self.out_channels, self.groups
        return Convolution(batch, *channels, self.window, extent, self.weight.element_size())

    def chosen_form(self, batch: int, extent: Extent) -> Form:
        """Return the form that a batch runs in: the one that was set, or the planner's choice.

        In training and in a compiler's graph, where Ξ is not cached, the planner always chooses the factored form.
        """
        if self.form != "auto":
            return self.form
        if self.padding_mode != "zeros" or self._learning() or torch.compiler.is_compiling():
            return "factored"
        return choose_form(self.sizes(batch, extent))

    def folded(self, extent: Extent, form: Form) -> Tensor:
        """Return `folding.dense` or `folding.stencil` of the weight for an extent in pixels; cached while valid."""
        if self._learning() or self.weight.is_meta or torch.compiler.is_compiling():
            return self._fold(extent, form)
        window = self.window
        key = (form, extent if form == "dense" else None, window, self.groups, self.weight.dtype, self.weight.device)
        kept = _FOLDED.get(self.weight)
        # Compare values: addresses are reused, and version counters miss writes through ``.data``. Reading the kernel
        # costs little beside Ξ, which is thousands of times larger.
        if kept is None or kept[0] != key or not torch.equal(kept[1], self.weight):
            with torch.inference_mode(False), torch.no_grad():
                kept = _FOLDED[self.weight] = key, self.weight.detach().clone(), self._fold(extent, form)
        return kept[2]

    def forward(self, x: Features) -> Features:
        """Convolve; the result has the type of the input and out_channels."""
        if isinstance(x, Tensor):
            return super().forward(x)
        x = self._activation(x)
        if self.training and _FOLDED:
            _FOLDED.pop(self.weight, None)
        if self.padding_mode != "zeros":
            return functional.encode(super().forward(functional.decode(x)))
        form = self.chosen_form(x.shape[0], x.extent)
        if form == "factored":
            return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        folded = self.folded(x.extent, form)
        if form == "stencil":
            return functional.conv2d_stencil(x, folded, self.bias, self.window, self.groups)
        return functional.conv2d_dense(x, folded, self.bias, self.window.output(x.extent))

    def extra_repr(self) -> str:
        """Describe torch's settings and the form."""
        settings = super().extra_repr()
        # torch prints strings without quotes.
        for name in ("padding", "padding_mode"):
            if isinstance(word := getattr(self, name), str):
                settings = settings.replace(f"{name}={word}", f"{name}={word!r}")
        return f"{settings}, form={self.form!r}"

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The spatial convolution, avoiding faulty kernels."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0, 0)
        settings = tuple(self.stride), padding, tuple(self.dilation), self.groups
        return functional.conv2d_on_pixels(input, weight, bias, *settings)

    def _learning(self) -> bool:
        return self.training or (torch.is_grad_enabled() and self.weight.requires_grad)

    def _fold(self, extent: Extent, form: Form) -> Tensor:
        if form == "dense":
            return folding.dense(self.weight, self.window, extent, groups=self.groups)
        return folding.stencil(self.weight, self.window, groups=self.groups)
