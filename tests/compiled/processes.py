"""Other processes: what they print, and obstacles for them."""

import os
import subprocess
import sys

__all__ = ["STRICT", "a_file_in_the_way", "outcome", "process"]


# Torch 2.6 removes a temporary folder of its own only at the end of the process.
STRICT = ["-W", "error", "-W", "ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning"]


def process(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, *STRICT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )


def outcome(running):
    """Return what a process printed; it must have succeeded."""
    with running:
        try:
            printed, said = running.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
    assert running.returncode == 0, said
    return printed, said


def a_file_in_the_way(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")
