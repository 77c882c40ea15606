"""Networks trained on RGB that continue with frequency channels: what they lose at the stem, and regain by training."""
