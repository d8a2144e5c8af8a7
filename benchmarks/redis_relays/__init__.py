"""Relays on Redis, measured beside a relay on SQLite and the bare forwarder."""
