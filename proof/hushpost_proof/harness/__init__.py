"""People, relays and places for experiments: real processes, real sockets, real kills."""
