"""From the component planes of a batch to channels: `first_activation` and `first_pixels`."""

from .components import Components
from .first import first_activation, first_pixels
from .rendered import can_render
from .upsampling import upsample

__all__ = ["Components", "can_render", "first_activation", "first_pixels", "upsample"]
