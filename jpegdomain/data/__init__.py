"""Files as batches of quantised coefficients: data sets, `loader`, `collate`, and what a batch is made of."""

from .batch import FileReport, JpegBatch
from .collating import Collate
from .collation import by_extent, collate
from .dataset import JpegDataset
from .folder import JpegFolder
from .indexes import IndexFolder, UnreadImage
from .loading import Loader, loader
from .mixing import CutMix, MixUp
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
