"""``warm``: compile the kernels before their first use."""

import time
from typing import Annotated

import typer
from rich.console import Console

from jpegdomain.compiled import kernel_packages

from .report import AsJson, print_json, print_table

__all__ = ["warm"]


def warm(
    only: Annotated[
        list[str] | None, typer.Option(help="Compile this package of kernels only; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compile all kernels now, for example while a container is built.

    Kernels that are already compiled are loaded.
    """
    packages = {package.name: package for package in kernel_packages()}
    chosen = only or list(packages)
    unknown = sorted(set(chosen) - set(packages))
    if unknown:
        raise typer.BadParameter(
            f"there is no package of kernels named {', '.join(unknown)}: choose from {', '.join(packages)}"
        )
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
