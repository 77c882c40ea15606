"""The arguments of a call in the graph, by position or by name."""

from typing import Any

from torch import fx

__all__ = ["argument", "constants", "first"]


def argument(node: fx.Node, position: int, name: str, default: Any) -> Any:
    """Read one argument.

    Args:
        node: The call.
        position: Of the argument.
        name: Of the argument.
        default: If it is not given.

    Returns:
        A constant, or the node that computes it.
    """
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def first(node: fx.Node) -> tuple[Any, ...]:
    """Read the feature map that a call works on.

    Args:
        node: The call.

    Returns:
        It alone, the arguments of a module whose settings are constants.
    """
    return (argument(node, 0, "input", None),)


def constants(value: Any) -> bool:
    """Say whether an argument is known at conversion.

    Args:
        value: The argument, or a nest of lists and tuples.

    Returns:
        Whether no node computes any part of it.
    """
    if isinstance(value, list | tuple):
        return all(map(constants, value))
    return not isinstance(value, fx.Node)
