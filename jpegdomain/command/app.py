"""The command's entry point: one function for each subcommand, and how errors are reported."""

import sys
from typing import NoReturn

import typer

from jpegdomain.errors import JpegDomainError, JpegFileError

from .benchmark import bench
from .compilation import warm
from .files import check, info
from .networks import plan, verify
from .predict import predict

__all__ = ["app", "main"]

app = typer.Typer(
    help="JPEG files and the networks that read them, without decoding.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (info, check, verify, plan, predict, warm, bench):
    app.command()(command)


def main() -> None:
    """Run the command: exit status 0 on success, 1 if a file or a model fails, 2 if it was called wrongly.

    ``predict`` fails only if no file can be used.
    """
    try:
        app()
    except JpegDomainError as error:
        _fail(str(error), 1 if isinstance(error, JpegFileError) else 2)
    except OSError as error:
        _fail(str(error) if error.filename is None else f"{error.filename}: {error.strerror}", 2)


def _fail(reason: str, status: int) -> NoReturn:
    typer.secho(f"jpegdomain: {reason}", fg="red", err=True)
    sys.exit(status)
