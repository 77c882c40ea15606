"""``python -m experiments.throughput``."""

from experiments.throughput.run import main

main()
