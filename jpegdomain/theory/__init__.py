"""The linear maps of Ehrlich & Davis (2019), and convolutions folded into them."""

from . import folding, tensors

__all__ = ["folding", "tensors"]
