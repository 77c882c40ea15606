"""Files that are written appear whole or not at all."""

import secrets
import shutil
from pathlib import Path

__all__ = ["put_in_place"]


def put_in_place(path: Path, data: bytes) -> None:
    """Put a file in its place, whole. A link stays one: what it points to is replaced, and keeps its permissions."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A pipe or a device cannot be replaced, and has no half-written state.
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
