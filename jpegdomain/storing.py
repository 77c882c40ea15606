"""Files are written completely or not at all."""

import secrets
import shutil
from pathlib import Path

__all__ = ["put_in_place"]


def put_in_place(path: Path, data: bytes) -> None:
    """Write a file completely or not at all. A link stays a link: its target is replaced, and keeps its permissions."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A pipe or a device cannot be replaced, and is never half written.
        path.write_bytes(data)
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as file:
            if path.exists():
                shutil.copymode(path, fresh)
            file.write(data)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
