"""What trained networks cost: bytes, operations and time of the very images that their accuracy is measured on."""
