"""Every error that jpegdomain raises on purpose, one class per thing a user can act on."""

__all__ = [
    "DamagedJpegError",
    "EmptyClassWarning",
    "EmptyFolderError",
    "ExtentMismatchError",
    "InputError",
    "JpegDomainError",
    "JpegFileError",
    "JpegIndexError",
    "JpegTooLargeError",
    "LeftOutWarning",
    "MissingPackageError",
    "NotJpegError",
    "TruncatedJpegError",
    "UnsupportedFoldError",
    "UnsupportedJpegError",
    "UnsupportedLayerError",
    "UntraceableModelError",
]


class JpegDomainError(Exception):
    """The base of all errors of this package."""


class JpegFileError(JpegDomainError, ValueError):
    """A file cannot be used; the message names the file and the reason."""


class NotJpegError(JpegFileError):
    """The data does not start as a JPEG file does: give the bytes of a .jpg file."""


class TruncatedJpegError(JpegFileError):
    """The data ends before the JPEG end-of-image marker: fetch the file again."""


class DamagedJpegError(JpegFileError):
    """The data contradicts the JPEG standard: fetch the file again, or re-encode it."""


class UnsupportedJpegError(JpegFileError):
    """A valid JPEG file that is not read (12-bit, lossless) or makes no batch (two components): re-encode it."""


class JpegTooLargeError(JpegFileError):
    """A file has more than ``max_pixels`` or ``max_scans``: raise that limit if the file is to be trusted."""


class JpegIndexError(JpegDomainError, ValueError):
    """An index of entry points is damaged, or that of another file: make it again with ``codec.index_jpeg``."""


class EmptyFolderError(JpegDomainError, FileNotFoundError):
    """A folder of images is missing, or has no subfolders with JPEG files."""


class EmptyClassWarning(UserWarning):
    """A class's folder has no JPEG files; the class stays, and the message names it."""


class LeftOutWarning(UserWarning):
    """A file that cannot be used was left out of a data loader's batch, as asked for; the message names it."""


class MissingPackageError(JpegDomainError, ImportError):
    """An option needs a package that is not installed; the message says which."""


class ExtentMismatchError(JpegDomainError, ValueError):
    """Images or activations of different extents meet where equal ones are needed."""


class InputError(JpegDomainError, TypeError):
    """A layer or a converted model was given something else than it takes."""


class UnsupportedFoldError(JpegDomainError, ValueError):
    """A layer has no transform-domain map of the form asked for: choose another form."""


class UnsupportedLayerError(JpegDomainError, TypeError):
    """A layer or a name that a converted model cannot have; the message names it.

    `convert` catches those of single layers: such a model runs by its own code instead of a plan.
    """


class UntraceableModelError(JpegDomainError, TypeError):
    """``torch.fx`` cannot follow a model's ``forward``; the message says where it stopped.

    `convert` catches it: such a model runs by its own code instead of a plan.
    """
