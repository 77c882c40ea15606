"""Detection on frequency channels (Xu et al. 2020, tables 3 and 4): ``python -m experiments.frequency_detection``."""
