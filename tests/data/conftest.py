"""Folders and lists of small files for the data path's tests."""

import pytest

from tests.codec.oracle import jpeg, noise

SIZES = ((24, 40), (17, 31), (40, 16), (33, 33), (64, 48), (16, 16))
SAMPLINGS = ("4:2:0", "4:4:4", "4:2:2")


def files(count, sizes=SIZES):
    """JPEG files of several sizes, samplings and colour models."""
    made = []
    for i in range(count):
        channels = 1 if i % 5 == 4 else 3
        options = {} if channels == 1 else {"subsampling": SAMPLINGS[i % 3]}
        made.append(jpeg(noise(*sizes[i % len(sizes)], channels, seed=i), quality=70 + i % 20, **options))
    return made


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of two classes, at several depths, and a file that is not an image."""
    root = tmp_path / "images"
    for number, data in enumerate(files(8)):
        name = ("zebra", "ape")[number % 2] + ("/deeper" if number % 3 == 0 else "")
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / f"{9 - number}{('.jpg', '.JPEG')[number // 2 % 2]}").write_bytes(data)
    (root / "ape" / "notes.txt").write_text("no image")
    return root
