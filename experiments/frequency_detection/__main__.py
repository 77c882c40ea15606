"""``python -m experiments.frequency_detection``."""

from experiments.frequency_detection.run import main

main()
