"""einops' functions on activations, where einops is installed: they ask the type of a tensor for its framework."""

import importlib.util
import sys
from typing import Any

from jpegdomain.activation import Activation

__all__: list[str] = []


def _register() -> None:
    """Add a backend to einops', which finds all subclasses of its own by the names of their frameworks."""
    from einops._backends import TorchBackend

    class _ActivationBackend(TorchBackend):  # type: ignore[misc, unused-ignore]
        framework_name = "jpegdomain"

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, Activation)

    sys.modules[__name__].__dict__["_backend"] = _ActivationBackend


if importlib.util.find_spec("einops") is not None:
    _register()
