"""Other processes: what they print, and what is in their way."""

import os
import subprocess
import sys

__all__ = ["a_file_in_the_way", "outcome", "process"]


def process(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )


def outcome(running):
    """What a process printed; it must have ended well."""
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
