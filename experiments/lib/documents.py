"""Tables of the README and the documentation: results that each is made from, and commands that measured them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.lib import markdown

__all__ = ["ROOT", "Result", "benchmarks", "each", "experiments"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """A table of the README or of the documentation.

    Args:
        table: Function from the reports to Markdown.
        files: Patterns of the JSON files, relative to the repository, in the order in which `table` takes their
            reports.
        commands: Commands that measured them; without any, the table is written without its origins.
    """

    table: Callable[[Sequence[dict[str, Any]]], str]
    files: tuple[str, ...]
    commands: tuple[str, ...] = ()

    def made(self) -> str:
        """Return the table of the committed results and, folded, how they were measured."""
        paths = [path for pattern in self.files for path in sorted(ROOT.glob(pattern))]
        reports = [json.loads(path.read_text()) for path in paths]
        table = self.table(reports)
        return f"{table}\n\n{self._origins(paths, reports)}" if self.commands else table

    def _origins(self, paths: list[Path], reports: list[dict[str, Any]]) -> str:
        names = [f"[{path.stem}](data/{path.name})" for path in paths]
        lines = ["```sh", *self.commands, "```", "", *markdown.origins(names, reports).splitlines()]
        return "\n".join(['??? note "Command, machine, commit"', "", *(f"    {line}".rstrip() for line in lines)])


def experiments(*names: str) -> tuple[str, ...]:
    """Results of experiments, by name or pattern, as `Result` takes them."""
    return tuple(f"experiments/results/{name}.json" for name in names)


def benchmarks(*names: str) -> tuple[str, ...]:
    """Results of benchmarks, by name or pattern, as `Result` takes them."""
    return tuple(f"benchmarks/results/{name}.json" for name in names)


def each(table: Callable[[dict[str, Any]], str]) -> Callable[[Sequence[dict[str, Any]]], str]:
    """Make a function from several reports to their tables, one below the other."""
    return lambda reports: "\n\n".join(map(table, reports))
