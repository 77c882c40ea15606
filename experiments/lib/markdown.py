"""Tables in Markdown, and the line that says where a result comes from."""

from typing import Any

__all__ = ["table", "where"]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def where(report: dict[str, Any]) -> str:
    """The machine, versions and commit with which a result was measured."""
    environment = report["environment"]
    threads = environment["threads"]
    machine = f"{environment['processor']}, {threads} thread{'' if threads == 1 else 's'}"
    if environment["device"] != "cpu":
        machine = environment["device"]
    return (
        f"Measured on {machine}, torch {environment['torch']}, torchvision {environment['torchvision']}, "
        f"commit {environment['commit']}."
    )
