"""Networks trained on RGB that go on with frequency channels: what they lose at the stem, and regain by training."""
