"""How many frequency channels a pretrained network needs that was never trained on them."""
