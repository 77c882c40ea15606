"""J and J̃ in machine code for channels-last tensors on a CPU; Numba compiles what stands here."""
