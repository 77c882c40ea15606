"""`to_spatial`: from a converted model back to one of its source's class."""

import copy
from typing import Any

from torch import fx, nn

from .building import without_settings
from .copying import copied
from .model import ConvertedModel, source_class
from .watch import OWN

__all__ = ["to_spatial"]


def to_spatial(converted: ConvertedModel) -> nn.Module:
    """Return the spatial model, with the converted model's current modules, weights, statistics and mode.

    It takes normalised pixels: the entry is not part of it, nor are mean, std, and a set or gate of frequency channels.

    Args:
        converted: A model from `convert`, possibly trained further.

    Returns:
        A new model of the source's class that shares nothing with `converted`.

    """
    spatial: Any = copy.deepcopy(converted)
    forward = vars(spatial).get("_jpeg_forward")
    for name in OWN:
        vars(spatial).pop(name, None)
    spatial.__class__ = source_class(converted)
    if isinstance(spatial, fx.GraphModule):
        # Each has a class of its own, with its graph's code.
        spatial = copied(spatial)
    elif forward is not None:
        spatial.forward = forward
    for module in spatial.modules():
        without_settings(module)
    return spatial
