"""Relays on Redis under faults: what is lost, doubled, overtaken and delayed, by the history."""
