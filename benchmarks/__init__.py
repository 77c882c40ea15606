"""The library beside what a user would pick instead: one run, interleaved rounds, medians. Never run as tests."""
