"""What holds for every test."""

import torch

# The tests' tensors are small: on a busy machine, threads that wait for one another cost a hundred times the work.
torch.set_num_threads(1)
