"""Labels for augmentations: exact, or torchvision's without its clamping."""

from collections.abc import Callable
from typing import Final, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, cast

__all__ = ["APPROXIMATE", "EXACT", "Exactness", "labelled"]

Exactness: TypeAlias = Literal["exact", "approximate (no clamping)"]

EXACT: Final = "exact"
APPROXIMATE: Final = "approximate (no clamping)"

_P = ParamSpec("_P")
_R = TypeVar("_R", covariant=True)


class _Labelled(Protocol[_P, _R]):
    exactness: Exactness

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R: ...


def labelled(label: Exactness) -> Callable[[Callable[_P, _R]], _Labelled[_P, _R]]:
    """A decorator that sets a function's attribute ``exactness``."""

    def mark(function: Callable[_P, _R]) -> _Labelled[_P, _R]:
        marked = cast("_Labelled[_P, _R]", function)
        marked.exactness = label
        return marked

    return mark
