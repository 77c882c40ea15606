"""A training's state after each epoch, so that a kill costs one epoch at most."""

import os
from pathlib import Path
from typing import Any

import torch

__all__ = ["Checkpoints"]


class Checkpoints:
    """One file per unfinished training.

    Args:
        folder: To keep them in; made when it is needed.
        settings: All that the results depend on, plain values.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self.settings = folder, settings

    def _path(self, unit: str) -> Path:
        return self.folder / f"{unit}.pt"

    def save(self, unit: str, state: dict[str, Any]) -> None:
        """Keep a state in place of the one before. Whenever a kill comes, one of them is whole.

        Args:
            unit: Name of the training.
            state: Tensors and plain values.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self._path(unit).with_suffix(".new")
        with fresh.open("wb") as file:
            torch.save({"settings": repr(self.settings), "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path(unit))

    def load(self, unit: str, device: torch.device | None = None) -> dict[str, Any] | None:
        """Give the state that was kept last.

        Args:
            unit: Name of the training.
            device: Of its tensors.

        Returns:
            The state, or None if there is none.

        Raises:
            SystemExit: If it is that of other settings.
        """
        path = self._path(unit)
        if not path.exists():
            return None
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["settings"] != repr(self.settings):
            raise SystemExit(
                f"{path} is half of a training with other settings: go on with those, take another --output, or "
                "delete it"
            )
        return saved["state"]

    def drop(self, unit: str) -> None:
        """Remove a state that nobody needs any more.

        Args:
            unit: Name of the training.
        """
        self._path(unit).unlink(missing_ok=True)
