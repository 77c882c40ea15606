"""Compile before the first test, so that no test sees the announcement or waits for it."""

import pytest

from jpegdomain.codec.kernels import CODEC


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for function in CODEC.functions:
        function.load()
