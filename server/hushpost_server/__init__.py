"""The hushpost relay: carries sealed envelopes that it cannot read."""
