"""The rules that come with the package: what each of torch's layers becomes on activations."""

from . import (  # noqa: F401  (each fills the registry)
    arithmetic,
    axes,
    channels,
    convolution,
    islands,
    normalization,
    piecewise,
    pointwise,
    pooling,
    regularization,
    structure,
    timm,
)
