"""``python -m experiments.frequency_costs``."""

from experiments.frequency_costs.run import main

main()
