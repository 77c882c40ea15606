"""Notice whether a model is still as it was when it was planned: its modules, their settings, and no hooks."""

from collections.abc import Collection
from operator import is_
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

__all__ = ["OWN", "Watch", "is_heard"]

OWN = ("jpeg_entry", "preprocess", "_jpeg_orient", "_jpeg_plan", "_jpeg_source", "_jpeg_forward")
"""Attributes that a converted model has in addition to its source's."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_LIVE = {"training", "frequencies", "method", "form", "_is_full_backward_hook"}
"""Attributes that layers read whenever they run, and one that torch sets with hooks."""

_FIXED = {"forward", "output_size", "return_indices"}
"""Attributes of torch's own layers that determine the plan; it reads all others whenever it runs."""


class _Watched:
    """A module as it was when planned; `leaf` says whether the plan calls it as a whole."""

    def __init__(self, module: nn.Module, own: dict[str, Any], leaf: bool) -> None:
        self.kind, self.leaf = type(module), leaf
        self.children = tuple(own["_modules"].values())
        self._note(own)

    def _note(self, own: dict[str, Any]) -> None:
        self.names, self.values = tuple(own), tuple(own.values())

    def same(self, module: nn.Module, own: dict[str, Any]) -> bool:
        """Return whether nothing relevant has changed."""
        if type(module) is not self.kind or tuple(own["_modules"].values()) != self.children:
            return False
        if len(own) == len(self.values) and all(map(is_, own.values(), self.values)):
            return True
        before = dict(zip(self.names, self.values, strict=True))
        changed = {name for name in {*before, *own} if name not in before or before[name] is not own.get(name)}
        if not all(name in _LIVE or (self.leaf and name not in _FIXED and name[0] != "_") for name in changed):
            return False
        self._note(own)
        return True


class Watch:
    """A model as it was when planned, without a reference to it; the plan calls modules at `leaves` as a whole."""

    def __init__(self, model: nn.Module, leaves: Collection[str]) -> None:
        called = {id(model.get_submodule(path)) for path in leaves}
        below = [module for module in _watched(model) if module is not model]
        self._modules = [(module, _Watched(module, vars(module), id(module) in called)) for module in below]
        self._model = _Watched(model, _without_ours(model), False)
        self._listeners = [vars(module)[name] for module in (model, *below) for name in _HOOKS]

    def holds(self, model: nn.Module) -> bool:
        """Return whether the model is the same, except for its tensors, its mode and what layers read as they run."""
        return all(was.same(module, vars(module)) for module, was in self._modules) and self._model.same(
            model, _without_ours(model)
        )

    def is_heard(self) -> bool:
        """Return whether there are hooks on any of the modules, or global module hooks."""
        return any(self._listeners) or _all_are_heard()


def is_heard(model: nn.Module) -> bool:
    """Return whether there are hooks on any of a model's modules except the entry, or global module hooks."""
    return _all_are_heard() or any(vars(module)[name] for module in _watched(model) for name in _HOOKS)


def _all_are_heard() -> bool:
    return bool(
        torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
        or torch_module._global_backward_hooks
        or torch_module._global_backward_pre_hooks
    )


def _watched(model: nn.Module) -> list[nn.Module]:
    """A model's modules without its entry."""
    entered = {id(module) for module in getattr(model, "jpeg_entry", nn.Identity()).modules()}
    return [module for module in model.modules() if id(module) not in entered]


def _without_ours(model: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(model).items() if name not in OWN}
