"""J, J̃ and the masks between them on tensors: by torch's own products, or compiled for the CPU."""
