"""J and J̃ for channels-last tensors on a CPU, compiled by Numba."""
