"""Convert spatial models and back; the only package that uses ``torch.fx``."""

from .convert import convert
from .exportable import FromCoefficients, FromQuantised, exportable
from .model import ConvertedModel
from .options import LayerOptions
from .registry import register_rule
from .spatial import to_spatial
from .verify import Report, verify

__all__ = [
    "ConvertedModel",
    "FromCoefficients",
    "FromQuantised",
    "LayerOptions",
    "Report",
    "convert",
    "exportable",
    "register_rule",
    "to_spatial",
    "verify",
]
