"""What a model's code does to the model itself: a graph of its calls would not do it again."""

from typing import Any

from torch import nn

__all__ = ["Effects"]

_COLLECTIONS = (list, dict, set)


class Effects:
    """A model's attributes and buffers before its code runs.

    Args:
        model: About to run.
    """

    def __init__(self, model: nn.Module) -> None:
        self._attributes = _attributes(model)
        self._versions = _versions(model)

    def seen(self, model: nn.Module) -> str | None:
        """Say what the code has written to.

        Args:
            model: The same model, after it has run.

        Returns:
            The name of an attribute or a buffer, or None.
        """
        for name, version in _versions(model).items():
            if version != self._versions.get(name):
                return name
        after = _attributes(model)
        for name in [*after, *(name for name in self._attributes if name not in after)]:
            before, now = self._attributes.get(name), after.get(name)
            if before is None or now is None or before[0] is not now[0] or before[1] != now[1]:
                return name
        return None


def _versions(model: nn.Module) -> dict[str, int]:
    """Name of a buffer → torch's count of the writes to it."""
    return {name: buffer._version for name, buffer in model.named_buffers() if not buffer.is_inference()}


def _attributes(model: nn.Module) -> dict[str, tuple[Any, int | None]]:
    """Path of an attribute → its value, and how many values that holds; those that fx itself adds are left out."""
    found: dict[str, tuple[Any, int | None]] = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if not name.startswith("_tensor_constant"):
                size = len(value) if isinstance(value, _COLLECTIONS) else None
                found[f"{path}.{name}" if path else name] = value, size
    return found
