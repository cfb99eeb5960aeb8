"""The demonstration: simulated chips, a broker of its own and the bridge, all for real."""
