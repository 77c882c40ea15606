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
    """Write the machine, versions, commit and date of each result, and the commit at which its networks were trained.

    Args:
        names: Names of the reports, as the table shows them.
        reports: The reports, each with the environment in which it was measured; those that test the networks of
            another run have its commit in their settings, as 'trained_at'.
    """
    trained = [report["settings"].get("trained_at", "") for report in reports]
    header, rows = ["results", "machine", "torch", "torchvision", "commit"], []
    if any(trained):
        header.append("networks trained at")
    for name, report, at in zip(names, reports, trained, strict=True):
        environment = report["environment"]
        versions = [environment[key] for key in ("torch", "torchvision", "commit")]
        cells = [name, _machine(environment), *versions, *([at] if any(trained) else [])]
        rows.append([*cells, environment["time"][:10]])
    return table([*header, "day"], rows)
