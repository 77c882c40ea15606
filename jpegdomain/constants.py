"""Tensors that depend only on a few numbers: built once, for eager, compiled and exported runs."""

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
    """Whether fake tensors are in use that cannot be mixed with real ones, as under ``torch.export``."""
    if not torch._C._len_torch_dispatch_stack():
        return False
    mode = torch._guards.detect_fake_mode()
    return not torch.compiler.is_compiling() or (mode is not None and not mode.allow_non_fake_inputs)


def constant(build: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Cache a function's results, as real tensors in whatever mode it is called; they must not be modified.

    Inference mode, ``torch.export``, ``torch.func`` and a default device change every tensor that is made under them.
    They apply to one thread, so a constant is made in a thread of its own. Fake tensors that were not made by a
    compiler cannot be mixed with real ones; under these a constant is built anew each time.

    Args:
        build: Makes a tensor that depends only on its arguments: numbers, dtypes and devices.

    Returns:
        The function with a cache.
    """
    kept: dict[tuple[Any, ...], Tensor] = {}

    def keep(*key: Any) -> Tensor:
        found = kept.get(key)
        if found is None:
            with ThreadPoolExecutor(1) as alone:
                # If another thread has made one meanwhile, all threads use that one.
                found = kept.setdefault(key, alone.submit(build, *key).result())
        return found

    # Compilers name a constant tensor after its function: of several constants, only the last would be left. So the
    # constant is the name under which the tensor can be found.
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
