"""Compiling happens before the first test, so that none of them sees its line or waits for it."""

import pytest

from jpegdomain.codec.entries import CODEC
from jpegdomain.compiled import compiled_entry


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for entry in CODEC.entries:
        compiled_entry(entry)
