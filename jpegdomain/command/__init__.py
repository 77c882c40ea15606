"""The command ``jpegdomain``, also ``python -m jpegdomain``: files and models examined from the shell."""

from .app import main

__all__ = ["main"]
