"""What can be compiled: families of kernels, and the functions of each that Python calls."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Entry", "Family", "families"]

_families: "list[Family]" = []


@dataclass(frozen=True, eq=False)
class Family:
    """Functions that are made of the same sources, and compiled again when one of these changes.

    Args:
        name: Of the folder for its compiled code, without the fingerprint.
        package: The import name of the package that holds its sources.
        folder: Where that package lies; all of its modules are sources.
        others: Files beyond these that the compiled code depends on.
    """

    name: str
    package: str
    folder: Path
    others: tuple[Path, ...] = ()
    entries: "list[Entry]" = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the family known, so that all can be compiled ahead."""
        _families.append(self)

    def entry(
        self,
        module: str,
        function: str,
        signature: Callable[[Any], Any],
        announcement: str | None = None,
        *,
        from_c: bool = False,
    ) -> "Entry":
        """Add a function that Python calls.

        Args:
            module: Its module in the family's package.
            function: Its name there.
            signature: Given ``numba.types``, the types of its arguments and result.
            announcement: What it is and how long compiling it takes, where a person would wonder what takes so long.
            from_c: Whether it can be called by its address, too.

        Returns:
            What `compiled_entry` takes.
        """
        added = Entry(self, module, function, signature, announcement, from_c)
        self.entries.append(added)
        return added


@dataclass(frozen=True, eq=False)
class Entry:
    """A function of a kernel that Python calls. Made by `Family.entry`.

    Args:
        family: Whose it is.
        module: Where in the family's package.
        function: Its name there.
        signature: Given ``numba.types``, the types of its arguments and result.
        announcement: What it is and how long compiling it takes, or None if nobody need know.
        from_c: Whether it can be called by its address, too.
    """

    family: Family
    module: str
    function: str
    signature: Callable[[Any], Any]
    announcement: str | None
    from_c: bool

    def source(self) -> Callable[..., Any]:
        """Give the function as Python; only now are its module, and Numba, imported."""
        module = importlib.import_module(f"{self.family.package}.{self.module}")
        found: Callable[..., Any] = getattr(module, self.function)
        return found


def families() -> tuple[Family, ...]:
    """Give every family of the modules imported so far: after ``import jpegdomain``, all of the library's."""
    return tuple(_families)
