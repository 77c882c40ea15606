"""Plan a model: trace it, apply a rule to each call, choose domains, rewrite. This is repeated whenever it changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError, UntraceableModelError

from .assign_domains import assign_domains, results_of_steps
from .calls import find_feature_calls
from .copying import copy_with_tensors
from .options import Settings, Strategy
from .planned import Planned
from .registry import find_module_rule
from .rewrite import Rewriter
from .shapes import channels_of, shapes_of
from .tracing import trace
from .training import follow_mode
from .watch import OWN

__all__ = ["Conversion", "source_view", "without_settings"]

_SETTINGS = ("frequencies", "method", "form")


@dataclass
class Conversion:
    """The arguments of `convert`, and how far they led.

    Attributes:
        reason: Why there is no plan.
        unsized: Whether the plan was made without sizes, since the model accepts none of those that `shapes_of` tries.
    """

    kind: type[nn.Module]
    settings: Settings
    strategy: Strategy
    entrance: Any = "pixels"
    channels: int | None = None
    reason: str | None = None
    unsized: bool = False

    def plan(self, model: nn.Module) -> Planned | None:
        """Plan the calls of a model as it is now; None if its own code has to run, for the reason in `reason`."""
        if "_jpeg_plan" in vars(model):
            self.settings = self.present(model)
            vars(model)["jpeg_entry"].domain = "pixels"
        source = source_view(model, self.kind)
        try:
            planned = self._planned(source, model)
        except (UntraceableModelError, UnsupportedLayerError) as reason:
            self.reason = str(reason)
            self.channels = self.channels or channels_of(source)
            self.entrance, self.unsized = "pixels", False
            return None
        self.reason = None
        if "jpeg_entry" in vars(model):
            vars(model)["jpeg_entry"].domain = self.entrance
        return planned

    def _planned(self, source: nn.Module, model: nn.Module) -> Planned:
        if "_jpeg_forward" in vars(model) and not isinstance(model, fx.GraphModule):
            raise UntraceableModelError("its forward was replaced")
        like = next((p for p in source.parameters()), torch.empty(()))
        with torch.inference_mode(False), torch.enable_grad(), _scratch(source) as scratch, _scratch(source) as other:
            graph, fixed = trace(scratch)
            trains = follow_mode(graph, other)
            for name, value in vars(scratch).items():
                if name.startswith("_tensor_constant"):
                    object.__setattr__(source, name, value)
        shapes, self.channels = shapes_of(graph, source)
        self.unsized = not shapes
        strategy = self.strategy
        found = find_feature_calls(graph, source, self.settings, shapes, strict=strategy.strict)
        stored = results_of_steps(found) if strategy.stores_steps else set()
        domains = assign_domains(found, shapes, stored, like.element_size())
        rewriter = Rewriter(source, found, domains, stored, shows_islands=strategy.stores_steps)
        rewritten = rewriter.rewrite(graph)
        self.entrance = rewriter.entrance
        return Planned(rewritten, rewriter.layers, trains, fixed, model)

    def present(self, model: Any) -> Settings:
        """Return the settings that a converted model's layers have now."""
        plan = vars(model)["_jpeg_plan"]
        if plan is None:
            return self.settings
        now = {path: _settings_of(layer) for path, layer in plan.layers(model)}
        return replace(self.settings, present={**self.settings.present, **now})


_FEW = 2**16
"""Largest number of elements of a tensor that code may write to during a trace: buffers, not kernels."""


@contextmanager
def _scratch(source: nn.Module) -> Iterator[nn.Module]:
    """A copy for code that writes to it; it shares the model's large kernels until it is no longer needed."""
    scratch = copy_with_tensors(source, lambda x: x.clone() if x.numel() < _FEW else x)
    try:
        yield scratch
    finally:
        # fx leaves reference cycles behind, which would keep the kernels alive.
        for module in scratch.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                module._parameters.clear()
                module._buffers.clear()


def source_view(model: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Return a module of the source's class that shares a converted model's state, except what `convert` added."""
    source = kind.__new__(kind)
    object.__setattr__(source, "__dict__", {name: value for name, value in vars(model).items() if name not in OWN})
    return source


def without_settings(module: nn.Module) -> None:
    """Remove a layer's own settings from a module."""
    if find_module_rule(module) is not None:
        for name in _SETTINGS:
            vars(module).pop(name, None)


def _settings_of(layer: nn.Module) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in _SETTINGS if hasattr(layer, name)}
