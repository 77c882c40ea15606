"""The command ``jpegdomain``, also ``python -m jpegdomain``: examine files and models from the shell."""

from .app import main

__all__ = ["main"]
