"""What holds for every test."""

import torch

# The tests' tensors are small: on a busy machine, threads that wait for one another take a hundred times as long as the
# work.
torch.set_num_threads(1)
