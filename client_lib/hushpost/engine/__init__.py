"""The pure client engine: rows in a ledger, a clock, randomness; out come envelopes and events."""
