"""Tables in Markdown, and the table of where results come from."""

from collections.abc import Sequence
from typing import Any

__all__ = ["origins", "table"]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine(environment: dict[str, Any]) -> str:
    if environment["device"] != "cpu":
        return str(environment["device"])
    threads = environment["threads"]
    return f"{environment['processor']}, {threads} thread{'' if threads == 1 else 's'}"


def origins(names: Sequence[str], reports: Sequence[dict[str, Any]]) -> str:
    """Write the machine, versions, commit and date of each result.

    Args:
        names: Names of the reports, as the table shows them.
        reports: The reports, each with the environment in which it was measured.
    """
    rows = []
    for name, report in zip(names, reports, strict=True):
        environment = report["environment"]
        versions = [environment[key] for key in ("torch", "torchvision", "commit")]
        rows.append([name, _machine(environment), *versions, environment["time"][:10]])
    return table(["results", "machine", "torch", "torchvision", "commit", "day"], rows)
