"""Results of finished units of work, saved as they come, so that an interrupted run resumes where it stopped."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal:
    """One line of JSON per finished unit, in a folder beside the result; each process appends to its own file.

    Args:
        folder: Folder of the run; made if it does not exist.
        settings: Everything that the results depend on, as plain values.
        rank: Rank of this process.

    Raises:
        SystemExit: If the folder holds results of other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], rank: int = 0) -> None:
        self.folder = folder
        self.results: dict[str, Any] = {}
        # JSON turns tuples into lists and number keys into strings; compare what it gives back.
        self._settings = json.loads(json.dumps(settings))
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.jsonl")):
            self._take_up(path)
        self._path = folder / f"rank-{rank}.jsonl"
        self._mend()

    def _mend(self) -> None:
        """Drop the incomplete line that a kill left at the end of this process's file; begin an empty file."""
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        kept = lines if len(lines) > 1 else []
        if self._path.exists():
            os.truncate(self._path, sum(len(line) + 1 for line in kept))
        if not kept:
            self._append({"settings": self._settings})

    def _take_up(self, path: Path) -> None:
        # What follows the last line break is incomplete: a kill cut it off, or another process is writing it now.
        lines = path.read_bytes().split(b"\n")[:-1]
        if not lines:
            return
        first, *entries = map(json.loads, lines)
        if entries and first["settings"] != self._settings:
            names = {**first["settings"], **self._settings}
            other = [name for name in names if first["settings"].get(name) != self._settings.get(name)]
            raise SystemExit(
                f"{self.folder} holds {len(entries)} finished parts of a run with another {', '.join(other)}: "
                "go on with those settings, take another --output, or delete the folder"
            )
        self.results.update({entry["unit"]: entry["result"] for entry in entries})

    def record(self, unit: str, result: Any) -> None:
        """Keep one unit's result."""
        self._append({"unit": unit, "result": result})
        # Pass through JSON, so that a unit has the same values now as after an interruption.
        self.results[unit] = json.loads(json.dumps(result))

    def _append(self, entry: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the folder: the result stands on its own."""
        shutil.rmtree(self.folder, ignore_errors=True)
