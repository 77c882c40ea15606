"""What an augmentation is: exact, or torchvision's without its clamping."""

from collections.abc import Callable
from typing import Final, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, cast

__all__ = ["APPROXIMATE", "EXACT", "Exactness", "labelled"]

Exactness: TypeAlias = Literal["exact", "approximate (no clamping)"]
"""The labels."""

EXACT: Final = "exact"
APPROXIMATE: Final = "approximate (no clamping)"

_P = ParamSpec("_P")
_R = TypeVar("_R", covariant=True)


class Labelled(Protocol[_P, _R]):
    """A function with the attribute ``exactness``."""

    exactness: Exactness

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Run it."""
        ...


def labelled(label: Exactness) -> Callable[[Callable[_P, _R]], Labelled[_P, _R]]:
    """Label a function.

    Args:
        label: What it is.

    Returns:
        A decorator that sets its attribute ``exactness``.
    """

    def mark(function: Callable[_P, _R]) -> Labelled[_P, _R]:
        marked = cast("Labelled[_P, _R]", function)
        marked.exactness = label
        return marked

    return mark
