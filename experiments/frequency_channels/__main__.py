"""``python -m experiments.frequency_channels``."""

from experiments.frequency_channels.run import main

main()
