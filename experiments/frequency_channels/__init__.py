"""Xu et al. (2020), tables 1 and 2: networks trained on pixels and on selected frequency channels."""
