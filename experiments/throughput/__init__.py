"""Figure 5 of Ehrlich & Davis (2019), made honest: `run` is the experiment, the others are its parts."""
