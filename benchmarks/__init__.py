"""Side by side with what a user would pick instead: one run, interleaved repeats, medians. Never run as tests."""
