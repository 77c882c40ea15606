"""``python -m experiments.frequency_exact``."""

from experiments.frequency_exact.run import main

main()
