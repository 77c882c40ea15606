"""Tensors that depend on a few numbers only: built once, for eager, compiled and exported runs."""

import functools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["constant"]


class _Shelf:
    """Holds constants as attributes: ``torch.compile`` looks up an attribute each time, a dict only once."""


_SHELF: Final = _Shelf()


def _among_fakes() -> bool:
    """Whether there are fake tensors that accept no real ones beside them, as under ``torch.export``."""
    if not torch._C._len_torch_dispatch_stack():
        return False
    mode = torch._guards.detect_fake_mode()
    return not torch.compiler.is_compiling() or (mode is not None and not mode.allow_non_fake_inputs)


def constant(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make a function keep its results, as real tensors whatever mode it is called in; nobody may write to them.

    Inference mode, ``torch.export``, ``torch.func`` and a default device leave their mark on every tensor that is made
    under them. They hold for a thread each, so a constant is made in a thread of its own. Only among fake tensors that
    no compiler has made, which mix with no real ones, is it made again each time.

    Args:
        build: Makes a tensor from numbers, dtypes and devices, which decide on it.

    Returns:
        The function.
    """
    kept: dict[tuple[Any, ...], Tensor] = {}

    def keep(*key: Any) -> Tensor:
        found = kept.get(key)
        if found is None:
            with ThreadPoolExecutor(1) as alone:
                # What another thread has made meanwhile is the one for all.
                found = kept.setdefault(key, alone.submit(build, *key).result())
        return found

    # Compilers take a function's name for a constant tensor's: of several, only the last would be left. So the constant
    # is the name under which the tensor can be found.
    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def name_of(*key: Any) -> str:
        name = re.sub(r"\W", "_", "_".join([build.__module__, build.__qualname__, *map(str, key)]))
        setattr(_SHELF, name, keep(*key))
        return name

    @functools.wraps(build)
    def get(*key: Any) -> Tensor:
        if torch.compiler.is_dynamo_compiling():
            return getattr(_SHELF, name_of(*key))
        return build(*key) if _among_fakes() else keep(*key)

    return get
