"""Compiling happens before the first test, so that none of them sees its line or waits for it."""

from typing import get_args

import pytest

from jpegdomain.codec.compiling import Entry, compiled_entry


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for name in get_args(Entry):
        compiled_entry(name)
