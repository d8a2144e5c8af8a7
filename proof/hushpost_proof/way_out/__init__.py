"""No way out: every network call of a relay, watched; every header it answers; no core dump."""
