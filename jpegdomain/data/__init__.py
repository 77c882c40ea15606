"""Batches of quantised coefficients from files: data sets, `loader`, `collate`, and the parts of a batch."""

from .batch import FileReport, JpegBatch
from .collating import Collate
from .collation import by_extent, collate
from .dataset import JpegDataset
from .folder import JpegFolder
from .indexes import IndexFolder, UnreadImage
from .loading import loader
from .mixing import CutMix, MixUp
from .passes import Loader
from .planes import BandedMatrices, Fills, Group, Plane

__all__ = [
    "BandedMatrices",
    "Collate",
    "CutMix",
    "FileReport",
    "Fills",
    "Group",
    "IndexFolder",
    "JpegBatch",
    "JpegDataset",
    "JpegFolder",
    "Loader",
    "MixUp",
    "Plane",
    "UnreadImage",
    "by_extent",
    "collate",
    "loader",
]
