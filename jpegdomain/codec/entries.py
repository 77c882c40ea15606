"""The kernel's functions that Python calls: where each stands, and the types of its arguments."""

import importlib
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

__all__ = ["Entry", "signature_of", "source_of"]

Entry: TypeAlias = Literal["sequential", "progressive", "tokenize", "code_sizes", "pack"]

_PLACES: Final[dict[Entry, tuple[str, str]]] = {
    "sequential": ("files", "read_sequential"),
    "progressive": ("progressive_files", "read_progressive"),
    "tokenize": ("packing", "tokenize"),
    "code_sizes": ("packing", "code_sizes"),
    "pack": ("packing", "pack"),
}


def source_of(name: Entry) -> Callable[..., Any]:
    """Give a function as Python.

    Args:
        name: Of the entry.

    Returns:
        The function; only now are its module, and Numba where that needs it, imported.
    """
    module, function = _PLACES[name]
    source: Callable[..., Any] = getattr(importlib.import_module(f".kernel.{module}", __package__), function)
    return source


def signature_of(name: Entry, types: Any) -> Any:
    """Give the types of an entry's arguments and result.

    Args:
        name: Of the entry.
        types: Numba's.

    Returns:
        A signature.
    """

    def array(element: Any, axes: int = 1, readonly: bool = False) -> Any:
        return types.Array(element, axes, "C", readonly=readonly)

    integers = array(types.int64)
    if name == "tokenize":
        planes = types.UniTuple(array(types.int16, 3, readonly=True), 4)
        grid = types.UniTuple(types.int64, 2)
        return types.int64(planes, array(types.int64, 2), grid, array(types.uint32), integers, integers)
    if name == "code_sizes":
        return types.void(integers, integers, integers)
    if name == "pack":
        return types.int64(array(types.uint32), array(types.uint64), integers, array(types.uint8))
    return types.void(
        array(types.uint8, readonly=True),
        integers,
        array(types.int16),
        array(types.int64, 2),
        array(types.uint16, 3),
        array(types.uint64),
        integers,
        array(types.uint8),
        array(types.uint16),
        types.int64,
        types.boolean,
    )
