"""One module per published claim: each measures, writes JSON with its environment, and draws from that JSON."""
