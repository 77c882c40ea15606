"""Figure 5 of Ehrlich & Davis (2019), from the files' bytes: `run` is the experiment, the others are its parts."""
