"""Convolution as a module: the spatial kernel is the parameter, Ξ a cache beside it."""

from typing import Any, Literal, overload

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from jpegdomain import functional
from jpegdomain.activation import Activation
from jpegdomain.errors import UnsupportedFoldError
from jpegdomain.geometry import Extent, Window
from jpegdomain.planning import (
    FORMS,
    Convolution,
    Cost,
    Form,
    choose_form,
    convolution_cost,
    spatial_convolution_cost,
)
from jpegdomain.theory import folding

from .base import Layer

__all__ = ["Conv2d"]

_FOLDED: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""Kernel → what Ξ depends on besides it, the numbers that it was folded from, Ξ; for as long as the kernel lives."""


def check_form(form: Any) -> None:
    """Refuse a form that there is not.

    Args:
        form: 'dense', 'stencil', 'factored' or 'auto'.

    Raises:
        UnsupportedFoldError: If it is none of them.
    """
    if form not in (*FORMS, "auto"):
        raise UnsupportedFoldError(f"form is 'auto' or one of {', '.join(FORMS)}; got {form!r}")


class Conv2d(Layer, torch.nn.Conv2d):
    """``torch.nn.Conv2d`` on activations: J∘C∘J̃, Ehrlich & Davis (2019) eqs. (11) to (13).

    In ``eval()`` a dense or stencil Ξ is built at first use and kept outside the ``state_dict``; it is built again when
    the weights, their dtype or device have changed, and dropped in training. While gradients flow to the kernel, Ξ
    is part of the graph and is not kept.

    Args:
        *args: As for ``torch.nn.Conv2d``.
        form: 'dense', 'stencil', 'factored', or 'auto' for the planner's choice by extent and batch.
        **kwargs: As for ``torch.nn.Conv2d``.

    Raises:
        UnsupportedFoldError: If `form` is unknown, or the padding mode has no dense or stencil form.
    """

    on_pixels = True
    form: Form | Literal["auto"]

    def __init__(self, *args: Any, form: Form | Literal["auto"] = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form = form

    def _prepare(self) -> None:
        self.__dict__.setdefault("form", "auto")

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
        """Give the planner's view of this layer.

        Args:
            batch: Images.
            extent: Of the input, in pixels.

        Returns:
            The sizes.
        """
        return Convolution(
            batch,
            self.in_channels,
            self.out_channels,
            self.groups,
            self.window,
            extent,
            self.weight.element_size(),
        )

    def chosen_form(self, batch: int, extent: Extent) -> Form:
        """Say which form a batch runs in.

        Args:
            batch: Images.
            extent: Of the input, in pixels.

        Returns:
            The form that was set, or the planner's; in training, and in a compiler's graph, which keep no Ξ, the
            planner stays with the factored one.
        """
        if self.form != "auto":
            return self.form
        if self.padding_mode != "zeros" or self._learning() or torch.compiler.is_compiling():
            return "factored"
        return choose_form(self.sizes(batch, extent))

    def cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:  # noqa: ARG002
        """Price one batch.

        Args:
            shape: (n, c, h, w) of the input in pixels.
            itemsize: Bytes of a number; the kernel's own is what counts.

        Returns:
            The form as the plan prints it, 'direct' for a 1×1 kernel on the coefficients, and its cost.
        """
        extent = Extent(*shape[2:])
        form = self.chosen_form(shape[0], extent)
        cost = convolution_cost(self.sizes(shape[0], extent), form)
        return ("direct" if form == "factored" and self.window.pointwise else form), cost

    def pixel_cost(self, shape: tuple[int, ...], itemsize: int) -> tuple[str, Cost]:  # noqa: ARG002
        """Price one batch on pixels: the spatial convolution.

        Args:
            shape: (n, c, h, w) of the input.
            itemsize: Bytes of a number; the kernel's own is what counts.

        Returns:
            The form as the plan prints it, and its cost.
        """
        return "spatial", spatial_convolution_cost(self.sizes(shape[0], Extent(*shape[2:])))

    def folded(self, extent: Extent, form: Form) -> Tensor:
        """Give Ξ, from the cache if it still holds.

        Args:
            extent: Of the input, in pixels; only the dense form depends on it.
            form: 'dense' or 'stencil'.

        Returns:
            `folding.dense` or `folding.stencil` of the weight.
        """
        if self._learning() or self.weight.is_meta or torch.compiler.is_compiling():
            return self._fold(extent, form)
        window = self.window
        key = (form, extent if form == "dense" else None, window, self.groups, self.weight.dtype, self.weight.device)
        kept = _FOLDED.get(self.weight)
        # The values decide: addresses are used again, and version counters miss writes through ``.data``. Reading the
        # kernel costs little beside the thousands of times larger Ξ.
        if kept is None or kept[0] != key or not torch.equal(kept[1], self.weight):
            with torch.inference_mode(False), torch.no_grad():
                kept = _FOLDED[self.weight] = key, self.weight.detach().clone(), self._fold(extent, form)
        return kept[2]

    @overload
    def forward(self, x: Activation) -> Activation: ...
    @overload
    def forward(self, x: Tensor) -> Tensor: ...
    def forward(self, x: Activation | Tensor) -> Activation | Tensor:
        """Convolve.

        Args:
            x: An activation of in_channels, or pixels.

        Returns:
            The like, of out_channels.
        """
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
        """Describe the settings.

        Returns:
            torch's description and the form.
        """
        settings = super().extra_repr()
        # torch prints words without their quotes.
        for name in ("padding", "padding_mode"):
            if isinstance(word := getattr(self, name), str):
                settings = settings.replace(f"{name}={word}", f"{name}={word!r}")
        return f"{settings}, form={self.form!r}"

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The spatial convolution, clear of kernels with faults."""
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
