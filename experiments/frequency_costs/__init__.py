"""What trained networks cost: bytes, operations and time for the very images that their accuracy is measured on."""
