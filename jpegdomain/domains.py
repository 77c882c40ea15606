"""Which domain each operation runs in, coefficients or pixels: the cheapest assignment is a minimum cut. No tensors.

Every operation can be put on either side of a cut between 'transform' and 'pixels'. Its cost on a side is an edge that
the cut severs; J and J̃ are edges between an operation and those that read its result. The least total work is then the
capacity of a minimum cut, which is found exactly.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import networkx

__all__ = ["Domain", "Operation", "choose_domains"]

Domain: TypeAlias = Literal["transform", "pixels"]
"""Where an operation runs: on coefficients or on pixels."""

_TRANSFORM, _PIXELS = "transform", "pixels"


@dataclass(frozen=True)
class Operation:
    """One operation of a network on feature maps.

    Args:
        name: The operation's name.
        reads: Names of the operations whose results it reads.
        transform: Work on coefficients; infinite if it cannot run there.
        pixels: Work on pixels; infinite if it cannot run there.
        conversion: Work to apply J or J̃ to its result once.
        stored: Whether its result must be coefficients, wherever it was computed.
    """

    name: str
    reads: tuple[str, ...]
    transform: float
    pixels: float
    conversion: float
    stored: bool = False


def choose_domains(operations: Sequence[Operation]) -> dict[str, Domain]:
    """Assign a domain to every operation so that the total work is least; pixels where both cost the same.

    A result that is read in the other domain is converted once, no matter how many operations read it. A *stored*
    result counts as coefficients for its readers: computing it on pixels costs a J, reading it on pixels a J̃.

    Args:
        operations: In order of execution; each can run in at least one domain.

    Returns:
        A dict from name to domain.

    """
    cut = networkx.DiGraph()
    cut.add_nodes_from([(_TRANSFORM, ""), (_PIXELS, "")])
    readers: dict[str, list[str]] = {operation.name: [] for operation in operations}
    for operation in operations:
        for read in dict.fromkeys(operation.reads):
            readers[read].append(operation.name)
    for operation in operations:
        here = ("runs", operation.name)
        _edge(cut, (_TRANSFORM, ""), here, operation.pixels + (operation.conversion if operation.stored else 0))
        _edge(cut, here, (_PIXELS, ""), operation.transform)
        _conversions(cut, operation, readers[operation.name])
    # Of several minimum cuts networkx returns the one with the fewest nodes on the sink's side: make that 'transform'.
    _, (_, transform) = networkx.minimum_cut(
        cut.reverse(copy=False),
        (_PIXELS, ""),
        (_TRANSFORM, ""),
        flow_func=networkx.algorithms.flow.shortest_augmenting_path,
    )
    return {
        operation.name: "transform" if ("runs", operation.name) in transform else "pixels" for operation in operations
    }


def _conversions(cut: networkx.DiGraph, operation: Operation, readers: Iterable[str]) -> None:
    """The cost of reading a result in a domain other than the one it is kept in."""
    coefficients = (_TRANSFORM, "") if operation.stored else ("runs", operation.name)
    decoded, encoded = ("decoded", operation.name), ("encoded", operation.name)
    for reader in readers:
        _edge(cut, coefficients, decoded, operation.conversion)
        _edge(cut, decoded, ("runs", reader), math.inf)
        if not operation.stored:
            _edge(cut, ("runs", reader), encoded, math.inf)
            _edge(cut, encoded, ("runs", operation.name), operation.conversion)


def _edge(cut: networkx.DiGraph, start: tuple[str, str], end: tuple[str, str], work: float) -> None:
    # An edge without the attribute has infinite capacity.
    if math.isinf(work):
        cut.add_edge(start, end)
    else:
        cut.add_edge(start, end, capacity=work)
