"""A module with an entry in front of it that its own code does not see among its children."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from jpegdomain.data import JpegBatch
from jpegdomain.decoding import Entry
from jpegdomain.errors import InputError
from jpegdomain.preprocess import Transform

from .recording import ENTRY
from .watch import OWN

__all__ = ["Entered", "check_preprocess", "dtype_of"]


class Entered(nn.Module):
    """Keeps `jpeg_entry` outside the child modules, so that no loop over them finds it; its tensors are the model's.

    ``parameters()``, ``state_dict()``, ``to``, ``train`` and the like include it, after all others; ``children()`` does
    not.
    """

    jpeg_entry: Entry

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN:
            vars(self)[name] = value
        else:
            super().__setattr__(name, value)

    def _entries(self) -> list[Entry]:
        entry = getattr(self, ENTRY, None)
        return [] if entry is None else [entry]

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """List all modules, the entry's last."""
        memo = set() if memo is None else memo
        yield from super().named_modules(memo, prefix, remove_duplicate)
        for entry in self._entries():
            yield from entry.named_modules(memo, f"{prefix}.{ENTRY}" if prefix else ENTRY, remove_duplicate)

    def train(self, mode: bool = True) -> Any:
        """Set the mode."""
        super().train(mode)
        for entry in self._entries():
            entry.train(mode)
        return self

    def apply(self, fn: Any) -> Any:
        """Apply a function to every module."""
        for entry in self._entries():
            entry.apply(fn)
        return super().apply(fn)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        for entry in self._entries():
            entry._apply(*args, **kwargs)
        return super()._apply(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return all tensors by name, the entry's last."""
        names = ("destination", "prefix", "keep_vars")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        state = super().state_dict(**given)
        for entry in self._entries():
            prefix = f"{given.get('prefix', '')}{ENTRY}."
            entry.state_dict(destination=state, prefix=prefix, keep_vars=given.get("keep_vars", False))
        return state

    def _load_from_state_dict(self, state: Any, prefix: str, metadata: Any, strict: bool, *lists: list[str]) -> None:
        missing_keys, unexpected_keys, errors = lists
        unexpected: list[str] = []
        super()._load_from_state_dict(state, prefix, metadata, strict, missing_keys, unexpected, errors)
        own = f"{prefix}{ENTRY}."
        unexpected_keys += [key for key in unexpected if not key.startswith(own)]
        for entry in self._entries():
            for path, module in entry.named_modules():
                assigns = {"assign_to_params_buffers": metadata.get("assign_to_params_buffers", False)}
                module._load_from_state_dict(state, f"{own}{path}." if path else own, assigns, strict, *lists)


def check_preprocess(batch: JpegBatch, preprocess: Transform | None, entry: Entry) -> None:
    """Raise if a batch was not made for a model with this preprocess and this entry.

    Args:
        batch: The model's input.
        preprocess: The preprocess that `convert` was given.
        entry: The model's entry.

    Raises:
        InputError: If the batch has no preprocess but the model has one; or if the batch's mean and std are different.
    """
    if preprocess is not None and not batch.preprocessed:
        raise InputError(
            "this model was converted with a preprocess, but the batch was made without one: give collate, Collate or "
            "loader preprocess=converted.preprocess, or preprocess=jpegdomain.preprocess.Compose([]) if the files need "
            "no preprocess"
        )
    if batch.normalisation is None or torch.compiler.is_compiling():
        return
    held = tuple(entry.mean.tolist()), tuple(entry.std.tolist())
    if not all(map(_agree, batch.normalisation, held)):
        raise InputError(
            "the batch's preprocess normalises by mean {} and std {}, but this model's entry by {} and {}: give "
            "convert the same preprocess, or the same mean and std".format(*batch.normalisation, *held)
        )


def _agree(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether numbers are equal to float32's precision; one may stand for all."""
    count = max(len(one), len(other))
    first, second = (list(values) * (count if len(values) == 1 else 1) for values in (one, other))
    return len(first) == len(second) and all(map(partial(math.isclose, rel_tol=1e-6, abs_tol=1e-9), first, second))


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """Return the dtype of a model's first parameter, None if it has none; this works in a graph, too."""
    # Torch 2.6 does not compile `next` with a default.
    for parameter in model.parameters():
        return parameter.dtype
    return None
