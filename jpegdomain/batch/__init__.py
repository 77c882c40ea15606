"""Images as a network's entry takes them: quantised coefficients, grouped by what makes their planes stack."""

from .batch import JpegBatch
from .collation import by_extent, collate
from .planes import AxisMaps, Fills, Group, Plane
from .reports import FileReport

__all__ = ["AxisMaps", "FileReport", "Fills", "Group", "JpegBatch", "Plane", "by_extent", "collate"]
