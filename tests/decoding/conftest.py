"""Compile before the first test, so that no test sees the announcement or waits for it."""

import pytest

from jpegdomain.codec.kernels import SEQUENTIAL
from jpegdomain.decoding.kernel import DECODING


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for function in (*DECODING.functions, SEQUENTIAL):
        function.load()
