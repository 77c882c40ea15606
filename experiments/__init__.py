"""Scripts that measure and demonstrate; each runs as ``python -m experiments.NAME``."""
