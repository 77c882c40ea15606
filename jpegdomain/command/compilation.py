"""``warm``: compile ahead of the first use."""

import time
from typing import Annotated

import typer
from rich.console import Console

from jpegdomain.compiled import kernel_packages

from .report import AsJson, print_json, print_table

__all__ = ["warm"]


def warm(
    only: Annotated[list[str] | None, typer.Option(help="Packages of kernels; all if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compile everything ahead, as for a container.

    What has been compiled is loaded.
    """
    packages = {package.name: package for package in kernel_packages()}
    chosen = only or list(packages)
    unknown = sorted(set(chosen) - set(packages))
    if unknown:
        raise typer.BadParameter(f"no package of kernels {', '.join(unknown)}: there are {', '.join(packages)}")
    rows = []
    with Console(stderr=True).status("compiling"):
        for name in chosen:
            began = time.perf_counter()
            for function in packages[name].functions:
                function.load()
            rows.append(
                {"kernels": name, "functions": len(packages[name].functions), "seconds": time.perf_counter() - began}
            )
    if as_json:
        print_json(rows)
    else:
        print_table([{**row, "seconds": f"{row['seconds']:.1f}"} for row in rows], ("functions", "seconds"))
