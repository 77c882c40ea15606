"""How a model is planned: traced, a rule applied to each call, domains chosen, rewritten. Again whenever it changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from jpegdomain.errors import UnsupportedLayerError, UntraceableModelError

from .copying import copy_with_tensors
from .meeting import meetings_of
from .options import Settings
from .placing import PlanName, domains_of, stored
from .planned import Planned
from .registry import find_module_rule
from .rewriting import Rewriter
from .sizes import channels_of, shapes_of
from .tracing import follow_mode, trace
from .watch import OWN

__all__ = ["Conversion", "source_view", "without_settings"]

_SETTINGS = ("frequencies", "method", "form")


@dataclass
class Conversion:
    """What `convert` was asked for.

    Args:
        kind: The source's class.
        settings: Per layer.
        strategy: 'transform' or 'fused'.
        entrance: The domain in which the plan takes the image.
        channels: That the model takes; None if it is not known.
        reason: Why there is no plan, or None.
    """

    kind: type[nn.Module]
    settings: Settings
    strategy: PlanName
    entrance: Any = "pixels"
    channels: int | None = None
    reason: str | None = None

    def plan(self, model: nn.Module) -> Planned | None:
        """Plan a model's calls.

        Args:
            model: As it is now.

        Returns:
            The plan; None if its own code has to run, for the `reason`.
        """
        if "_jpeg_plan" in vars(model):
            self.settings = self.present(model)
            vars(model)["jpeg_entry"].domain = "pixels"
        source = source_view(model, self.kind)
        try:
            planned = self._planned(source, model)
        except (UntraceableModelError, UnsupportedLayerError) as reason:
            self.reason = str(reason)
            self.channels = self.channels or channels_of(source)
            self.entrance = "pixels"
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
        meetings = meetings_of(graph, source, self.settings, shapes, strict=self.strategy == "transform")
        domains = domains_of(meetings, shapes, self.strategy, like.element_size())
        rewriter = Rewriter(source, meetings, domains, stored(meetings, self.strategy), self.strategy)
        rewritten = rewriter.rewrite(graph)
        self.entrance = rewriter.entrance
        return Planned(rewritten, rewriter.layers, trains, fixed, model)

    def present(self, model: Any) -> Settings:
        """Give the settings as the model's layers have them by now.

        Args:
            model: The converted model.

        Returns:
            The settings.
        """
        plan = vars(model)["_jpeg_plan"]
        if plan is None:
            return self.settings
        now = {path: _settings_of(layer) for path, layer in plan.layers(model)}
        return replace(self.settings, present={**self.settings.present, **now})


_FEW = 2**16
"""Numbers of a tensor that code may write to while it is traced: buffers, not kernels."""


@contextmanager
def _scratch(source: nn.Module) -> Iterator[nn.Module]:
    """A copy for code that writes to it; large kernels are the model's own, until it is no longer needed."""
    scratch = copy_with_tensors(source, lambda x: x.clone() if x.numel() < _FEW else x)
    try:
        yield scratch
    finally:
        # fx leaves cycles behind, which would keep the kernels alive.
        for module in scratch.modules():
            if not isinstance(module, torch.jit.ScriptModule):
                module._parameters.clear()
                module._buffers.clear()


def source_view(model: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Give the source's face of a converted model: its modules and tensors, and nothing of ours.

    Args:
        model: The converted model.
        kind: The source's class.

    Returns:
        A module that shares all but its attributes' names with the model.
    """
    source = kind.__new__(kind)
    object.__setattr__(source, "__dict__", {name: value for name, value in vars(model).items() if name not in OWN})
    return source


def without_settings(module: nn.Module) -> None:
    """Take from a module what a layer has besides it."""
    if find_module_rule(module) is not None:
        for name in _SETTINGS:
            vars(module).pop(name, None)


def _settings_of(layer: nn.Module) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in _SETTINGS if hasattr(layer, name)}
