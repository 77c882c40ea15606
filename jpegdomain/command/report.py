"""Print results: as a table for people, as JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

__all__ = ["AsJson", "print_json", "print_table"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[Mapping[str, Any]], numbers: Sequence[str] = ()) -> None:
    """Print rows as a table with the columns `numbers` aligned to the right; nothing is cut off."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else str(row[name]) for name in names))
    # A pipe has no width, and its reader needs whole lines.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table, markup=False, highlight=False)
