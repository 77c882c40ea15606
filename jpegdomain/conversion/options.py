"""The options of `convert`: the strategy of the plan, and the options of each layer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, TypeVar

from torch import Tensor, nn

from jpegdomain.functional import Method
from jpegdomain.nn.base import check_masking
from jpegdomain.nn.convolution import check_form
from jpegdomain.planning import Form

__all__ = ["LayerOptions", "PerLayer", "PlanName", "Settings", "Strategy"]

_T = TypeVar("_T")
PerLayer: TypeAlias = _T | Mapping[str, _T]
"""One value for all layers, or a dict from layer names (or fnmatch patterns) to values; the first match counts."""

PlanName: TypeAlias = Literal["transform", "fused"]
"""'transform': steps return coefficients; 'fused': coefficients are used only where they cost less."""


@dataclass(frozen=True)
class Strategy:
    """The strategy that a name stands for.

    Args:
        stores_steps: Whether the results of steps are always coefficients, wherever they are computed; otherwise a
            value is coefficients only where that costs less.
        strict: Whether every call on feature maps needs a rule; otherwise calls without one stay on pixels.
        own_code_on_pixels: Whether a model without a plan runs its own code on pixels; otherwise on an activation.
    """

    stores_steps: bool
    strict: bool
    own_code_on_pixels: bool

    @classmethod
    def named(cls, plan: PlanName) -> "Strategy":
        """Return the strategy with a name, or raise ValueError."""
        if plan not in _STRATEGIES:
            raise ValueError(f"plan must be {' or '.join(map(repr, _STRATEGIES))}, got {plan!r}")
        return _STRATEGIES[plan]


_STRATEGIES = {
    "transform": Strategy(stores_steps=True, strict=True, own_code_on_pixels=False),
    "fused": Strategy(stores_steps=False, strict=False, own_code_on_pixels=True),
}


@dataclass(frozen=True)
class LayerOptions:
    """The options of one layer.

    Args:
        path: The layer's name in the model.
        frequencies: 1…15, for layers that choose pieces by a truncated reconstruction.
        method: 'asm' or 'apx', for the same layers.
        form: The form of a convolution's Ξ.
    """

    path: str
    frequencies: int
    method: Method
    form: Form | Literal["auto"]


@dataclass
class Settings:
    """The options of a whole conversion; layers that match no pattern get 15 frequencies and the form 'auto'."""

    frequencies: PerLayer[int]
    method: Method
    form: PerLayer[Form | Literal["auto"]]
    present: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The current settings of each layer, if a model is planned again."""
    _used: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Checked here as well as by the layers: a model may have no layer that checks.
        check_masking("method", self.method)
        for frequencies in _values(self.frequencies):
            check_masking("frequencies", frequencies)
        for form in _values(self.form):
            check_form(form)

    @property
    def approximates(self) -> bool:
        """True if any layer has fewer than 15 frequencies."""
        given = [*_values(self.frequencies), *(own.get("frequencies", 15) for own in self.present.values())]
        return any(isinstance(number, Tensor) or number < 15 for number in given)

    def of(self, path: str) -> LayerOptions:
        """Return the options of the layer at a path."""
        options = LayerOptions(path, _lookup(self.frequencies, path, 15), self.method, _lookup(self.form, path, "auto"))
        return replace(options, **self.present.get(path, {}))

    def taken(self, path: str, layer: nn.Module) -> None:
        """Record which patterns the settings of a layer, made by a rule, came from."""
        for name in ("frequencies", "form"):
            pattern = _pattern(getattr(self, name), path)
            if pattern is not None and hasattr(layer, name):
                self._used.add((name, pattern))

    def check_used(self, paths: Iterable[str] = ()) -> None:
        """Raise ValueError for patterns, probably misspelt, that set nothing in any layer or module at `paths`."""
        for name in ("frequencies", "form"):
            found = (_pattern(getattr(self, name), path) for path in paths)
            self._used.update((name, pattern) for pattern in found if pattern is not None)
        options = (("frequencies", self.frequencies), ("form", self.form))
        given = {(name, key) for name, option in options if isinstance(option, Mapping) for key in option}
        if unused := sorted(key for _, key in given - self._used):
            raise ValueError(
                f"no layer uses {', '.join(map(repr, unused))}: no layer with this option has such a name, or an "
                "earlier pattern matches all of them"
            )


def _values(option: PerLayer[_T]) -> Iterable[_T]:
    return option.values() if isinstance(option, Mapping) else (option,)


def _pattern(option: PerLayer[Any], path: str) -> str | None:
    """The first pattern that matches; None if one value is for all layers."""
    patterns = option if isinstance(option, Mapping) else ()
    return next((pattern for pattern in patterns if fnmatchcase(path, pattern)), None)


def _lookup(option: PerLayer[_T], path: str, default: _T) -> _T:
    if not isinstance(option, Mapping):
        return option
    pattern = _pattern(option, path)
    return default if pattern is None else option[pattern]
