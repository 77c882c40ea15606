"""What the caller asked for, resolved for one layer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, TypeVar

from jpegdomain.functional import Method
from jpegdomain.planning import Form

__all__ = ["LayerOptions", "PerLayer", "Settings"]

_T = TypeVar("_T")
PerLayer: TypeAlias = _T | Mapping[str, _T]
"""One value for all layers, or layer path (or fnmatch pattern) → value; the first match counts."""


@dataclass(frozen=True)
class LayerOptions:
    """The options of one layer.

    Args:
        path: Of the layer in the model.
        frequencies: 1…15, for layers that choose by a truncated reconstruction.
        method: 'asm' or 'apx', likewise.
        form: Of a convolution's Ξ.
    """

    path: str
    frequencies: int
    method: Method
    form: Form | Literal["auto"]


@dataclass
class Settings:
    """The options of a whole conversion.

    Args:
        frequencies: For all layers, or per layer; layers that match nothing get 15.
        method: For all layers.
        form: For all layers, or per layer; layers that match nothing get 'auto'.
    """

    frequencies: PerLayer[int]
    method: Method
    form: PerLayer[Form | Literal["auto"]]
    _used: set[str] = field(default_factory=set)

    def of(self, path: str) -> LayerOptions:
        """Resolve the options of one layer.

        Args:
            path: Of the layer in the model.

        Returns:
            Its options.
        """
        return LayerOptions(
            path, self._lookup(self.frequencies, path, 15), self.method, self._lookup(self.form, path, "auto")
        )

    def check_used(self) -> None:
        """Refuse patterns that no layer matched: most likely a misspelt path.

        Raises:
            ValueError: If there are any.
        """
        keys = {key for option in (self.frequencies, self.form) if isinstance(option, Mapping) for key in option}
        if unused := sorted(keys - self._used):
            raise ValueError(
                f"no layer takes its option from {', '.join(map(repr, unused))}: none is called so, or an earlier "
                "pattern matches all that are"
            )

    def _lookup(self, option: PerLayer[_T], path: str, default: _T) -> _T:
        if not isinstance(option, Mapping):
            return option
        for pattern, value in option.items():
            if fnmatchcase(path, pattern):
                self._used.add(pattern)
                return value
        return default
