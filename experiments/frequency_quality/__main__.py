"""``python -m experiments.frequency_quality``."""

from experiments.frequency_quality.run import main

main()
