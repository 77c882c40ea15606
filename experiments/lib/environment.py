"""The environment in which a result was measured; it is saved with every result."""

import json
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy
import PIL
import torch
import torchvision

import jpegdomain

__all__ = ["decisive", "describe", "publish", "save"]


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        root = Path(__file__).parents[2]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    # A copy without a .git folder, on another machine, is told its commit.
    if "JPEGDOMAIN_COMMIT" in os.environ:
        return os.environ["JPEGDOMAIN_COMMIT"]
    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        # Files of earlier results do not make the working tree dirty.
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!*/results/*", ":!README.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return f"{commit}-dirty" if changed else commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def describe(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Describe the machine, the versions and the commit."""
    device = torch.device(device)
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "jpegdomain": jpegdomain.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
    }


def decisive(environment: dict[str, Any]) -> dict[str, Any]:
    """Pick what the last bits of a result depend on: parts of a run are combined only if they agree on it."""
    return {name: environment[name] for name in ("commit", "device", "threads", "torch")}


def publish(
    report: dict[str, Any],
    output: Path,
    table: Callable[[dict[str, Any]], str],
    figure: Callable[[dict[str, Any], Path], object],
) -> None:
    """Write a report as JSON and its figure beside it, print its table, and name the files."""
    save(report, output)
    image = output.with_suffix(".png")
    figure(report, image)
    print(f"{table(report)}\n\nwrote {output}\nwrote {image}")


def save(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
