"""Compiling happens before the first test, so that none of them sees its line or waits for it."""

import pytest

from jpegdomain.codec.kernels import SEQUENTIAL
from jpegdomain.preprocess.entries import PREPROCESS


@pytest.fixture(scope="session", autouse=True)
def _compiled():
    for function in (*PREPROCESS.functions, SEQUENTIAL):
        function.load()
