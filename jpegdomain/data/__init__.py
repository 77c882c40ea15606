"""From files to batches: `JpegDataset` and `JpegFolder` read, `Collate` puts together, `loader` does both ahead."""

from .collating import Collate
from .dataset import JpegDataset
from .folder import JpegFolder
from .loading import Loader, loader

__all__ = ["Collate", "JpegDataset", "JpegFolder", "Loader", "loader"]
