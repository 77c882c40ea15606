"""Names that have been replaced still work, and say so."""

import pytest

import jpegdomain as jd


@pytest.mark.parametrize(
    ("module", "old", "now"),
    [
        (jd, "batch", jd.data),
        (jd.preprocess, "AxisMap", jd.preprocess.BandedMatrix),
        (jd.preprocess, "Placement", jd.preprocess.SeparableMap),
    ],
)
def test_the_old_name_is_the_new_one_and_warns(module, old, now):
    with pytest.warns(DeprecationWarning, match=now.__name__):
        assert getattr(module, old) is now


def test_other_names_are_refused():
    for module in (jd, jd.preprocess):
        with pytest.raises(AttributeError, match="nothing_of_this_name"):
            _ = module.nothing_of_this_name
