"""ARCHITECTURE.md names files: each is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()


def test_every_file_that_the_architecture_names_exists():
    names = set(re.findall(r"`([\w/.-]+(?:\.py|/))`", TEXT))
    assert len(names) > 50
    known = [f"/{path.relative_to(ROOT)}" for path in ROOT.rglob("*.py")]
    known += [f"/{path.relative_to(ROOT)}/" for path in ROOT.rglob("*") if path.is_dir()]
    assert not [name for name in names if not any(path.endswith(f"/{name}") for path in known)]


def test_every_room_is_in_the_architecture():
    rooms = {path.name for path in (ROOT / "jpegdomain").iterdir() if (path / "__init__.py").is_file()}
    assert not [room for room in rooms if f"`{room}/`" not in TEXT]
