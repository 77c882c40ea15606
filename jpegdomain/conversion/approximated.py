"""Run the source's own code with ASM or APX in place of functions that can be approximated."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from jpegdomain.activation import Activation
from jpegdomain.nn.activation import APPROXIMATED_CALLS

from .calls import function_name
from .options import Settings
from .registry import find_module_rule

__all__ = ["approximated"]


@contextmanager
def approximated(model: nn.Module, settings: Settings) -> Iterator[None]:
    """Approximate the functions of one run of a model, in this thread."""
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
            # Scripted modules cannot have hooks.
            if module is not model and not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_pre_hook(partial(enter, path), prepend=True).remove)
                stack.callback(module.register_forward_hook(leave, always_call=True).remove)
        stack.enter_context(_Approximating(frequencies_of))
        yield


class _Approximating(TorchFunctionMode):
    """Replaces piecewise-linear functions and maxima of feature maps.

    Args:
        options: Takes a function's name and returns frequencies and method for the current call.
    """

    def __init__(self, options: Callable[[str], tuple[int, Any]]) -> None:
        super().__init__()
        self._options = options
        # Tensor methods in place of their names.
        names = ((getattr(Tensor, key, None) if isinstance(key, str) else key, key) for key in APPROXIMATED_CALLS)
        self._calls = {function: APPROXIMATED_CALLS[key] for function, key in names}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        call = self._calls.get(func)
        x = args[0] if args else kwargs.get("input")
        # One value per channel is not a feature map.
        if call is None or not isinstance(x, (Tensor, Activation)) or x.dim() != 4 or tuple(x.shape[2:]) == (1, 1):
            return func(*args, **kwargs)
        name = function_name(func).rpartition(".")[2]
        frequencies, method = self._options(name.strip("_"))
        given = {**dict(zip((*call.settings, *call.tensors), args[1:], strict=False)), **kwargs}
        settings = {key: value for key, value in given.items() if key in call.settings}
        # A setting that is computed at run time, such as a bound of clamp, cannot be a layer's setting.
        if frequencies == 15 or given.get("return_indices") or any(isinstance(s, Tensor) for s in settings.values()):
            return func(*args, **kwargs)
        layer = call.layer(**settings, frequencies=frequencies, method=method)
        result = layer(x, *(given[key] for key in call.tensors))
        return x.copy_(result) if kwargs.get("inplace") or name.endswith("_") else result
