"""Compiling happens before the first test, so that none of them sees its line or waits for it."""

import pytest

from jpegdomain.codec.entries import SEQUENTIAL
from jpegdomain.compiled import compiled_entry
from jpegdomain.decoding.kernel import DECODING


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for entry in (*DECODING.entries, SEQUENTIAL):
        compiled_entry(entry)
