"""Random cases find no unknown fault."""

from dataclasses import asdict

import pytest

from .cases import CONVOLUTIONS, OPERATIONS, draw
from .stress import ISAS, faults

_SLOW = {"AVX2", "DEFAULT"}
"""Most CPUs', and this one's."""


@pytest.mark.parametrize(
    "isa", [pytest.param(isa, marks=pytest.mark.slow if isa in _SLOW else pytest.mark.exhaustive) for isa in ISAS]
)
def test_no_unknown_faults(isa):
    drawn = (*OPERATIONS, *CONVOLUTIONS)
    found = [fault | asdict(draw(number, drawn)) for number, fault in faults(isa, 0, 2000, drawn) if fault]
    assert found == []
