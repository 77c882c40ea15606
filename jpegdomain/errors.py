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
    """A valid JPEG file that cannot be read (12-bit, lossless) or put in a batch (two components): re-encode it."""


class JpegTooLargeError(JpegFileError):
    """A file has more than ``max_pixels`` or ``max_scans``: raise that limit if you trust the file."""


class JpegIndexError(JpegDomainError, ValueError):
    """An index of entry points is damaged or belongs to another file: make it again with ``codec.index_jpeg``."""


class EmptyFolderError(JpegDomainError, FileNotFoundError):
    """A folder of images is missing, or has no subfolders with JPEG files."""


class EmptyClassWarning(UserWarning):
    """A class's folder has no JPEG files. The class is kept, and the message names it."""


class LeftOutWarning(UserWarning):
    """A file that cannot be used was left out of a batch, as `on_error='skip'` asks; the message names it."""


class MissingPackageError(JpegDomainError, ImportError):
    """An option needs a package that is not installed; the message says which."""


class ExtentMismatchError(JpegDomainError, ValueError):
    """Images or activations have different extents where equal ones are needed."""


class InputError(JpegDomainError, TypeError):
    """A function, layer or converted model was given something that it does not take."""


class UnsupportedFoldError(JpegDomainError, ValueError):
    """A layer has no transform-domain map of the requested form: choose another form."""


class UnsupportedLayerError(JpegDomainError, TypeError):
    """A converted model cannot have this layer or name; the message says which.

    `convert` catches the errors of single layers: such a model runs its own code instead of a plan.
    """


class UntraceableModelError(JpegDomainError, TypeError):
    """``torch.fx`` cannot follow a model's ``forward``; the message says where it stopped.

    `convert` catches this error: such a model runs its own code instead of a plan.
    """
