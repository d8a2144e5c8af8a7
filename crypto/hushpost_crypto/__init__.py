"""Pure cryptography of hushpost: bytes in, state and bytes out; no clock, no I/O."""
