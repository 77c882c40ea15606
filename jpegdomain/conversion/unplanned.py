"""The source's own code, with ASM or APX in the place of the functions that approximate."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from jpegdomain import nn as layers
from jpegdomain.activation import Activation

from .options import Settings
from .registry import find_module_rule

__all__ = ["approximated"]

_Layer = Callable[..., nn.Module]

_FUNCTIONS: dict[Any, tuple[str, _Layer, tuple[str, ...]]] = {
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), ("relu", layers.ReLU, ())),
    **dict.fromkeys((F.relu_, torch.relu_, Tensor.relu_), ("relu_", layers.ReLU, ())),
    F.relu6: ("relu6", layers.ReLU6, ()),
    **dict.fromkeys((F.hardtanh, F.hardtanh_), ("hardtanh", layers.Hardtanh, ("min_val", "max_val"))),
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), ("leaky_relu", layers.LeakyReLU, ("negative_slope",))),
    F.hardsigmoid: ("hardsigmoid", layers.Hardsigmoid, ()),
    F._threshold: ("threshold", layers.Threshold, ("threshold", "value")),  # type: ignore[attr-defined]
    F.hardshrink: ("hardshrink", layers.Hardshrink, ("lambd",)),
    F.softshrink: ("softshrink", layers.Softshrink, ("lambd",)),
    F.prelu: ("prelu", layers.PReLUCall, ()),
    **dict.fromkeys((torch.clamp, Tensor.clamp, Tensor.clamp_), ("clamp", layers.Hardtanh, ("min", "max"))),
    F.max_pool2d: ("max_pool2d", layers.MaxPool2d, ("kernel_size", "stride", "padding", "dilation", "ceil_mode")),
}
"""A function → its name, the layer that approximates it, and the arguments that are the layer's settings."""


@contextmanager
def approximated(model: nn.Module, settings: Settings) -> Iterator[None]:
    """Approximate the functions of one run of a model.

    Args:
        model: About to run in this thread.
        settings: Of its conversion.

    Yields:
        Nothing.
    """
    paths: list[str] = [""]
    calls: Counter[str] = Counter()
    here = threading.get_ident()

    def enter(path: str, *_: Any) -> None:
        if threading.get_ident() == here:
            paths.append(path)

    def leave(*_: Any) -> None:
        if threading.get_ident() == here:
            paths.pop()

    def frequencies_of(name: str) -> tuple[int, Any]:
        path = paths[-1]
        module = model.get_submodule(path)
        if find_module_rule(module) is None or not path:
            # A function that a module's own code calls, named as in a plan.
            call = f"{path}.{name}" if path else name
            calls[call] += 1
            path = call if calls[call] == 1 else f"{call}_{calls[call] - 1}"
        options = settings.of(path)
        own = vars(module)
        return own.get("frequencies", options.frequencies), own.get("method", options.method)

    with ExitStack() as stack:
        for path, module in model.named_modules():
            # Scripted code takes no hooks.
            if module is not model and not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_pre_hook(partial(enter, path), prepend=True).remove)
                stack.callback(module.register_forward_hook(leave, always_call=True).remove)
        stack.enter_context(_Approximating(frequencies_of))
        yield


class _Approximating(TorchFunctionMode):
    """Replaces piecewise-linear functions and maxima of feature maps.

    Args:
        options: The name of a function → frequencies and method where it is called now.
    """

    def __init__(self, options: Callable[[str], tuple[int, Any]]) -> None:
        super().__init__()
        self._options = options

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        found = _FUNCTIONS.get(func)
        x = args[0] if args else kwargs.get("input")
        # One value per channel is no feature map.
        if found is None or not isinstance(x, (Tensor, Activation)) or x.dim() != 4 or tuple(x.shape[2:]) == (1, 1):
            return func(*args, **kwargs)
        name, kind, names = found
        given = {**dict(zip(names, args[1:], strict=False)), **{k: v for k, v in kwargs.items() if k in names}}
        options = dict(zip(("frequencies", "method"), self._options(name.strip("_")), strict=True))
        if options["frequencies"] == 15 or kwargs.get("return_indices"):
            return func(*args, **kwargs)
        if kind is layers.Hardtanh and names == ("min", "max"):
            bounds = given.get("min"), given.get("max")
            if any(isinstance(bound, Tensor) for bound in bounds):
                return func(*args, **kwargs)
            low, high = bounds
            given = {"min_val": -math.inf if low is None else low, "max_val": math.inf if high is None else high}
        result = kind(**given, **options)(x, *(args[1:] if not names else ()))
        writes = kwargs.get("inplace") or getattr(func, "__name__", "").endswith("_")
        return x.copy_(result) if writes else result
