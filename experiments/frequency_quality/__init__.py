"""Trained networks on test files of other qualities than they were trained on."""
