"""``python -m experiments.frequency_adaptation``."""

from experiments.frequency_adaptation.run import main

main()
