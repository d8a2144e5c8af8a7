"""The canary scan and the deletion of what was acknowledged, for relays on Redis."""
