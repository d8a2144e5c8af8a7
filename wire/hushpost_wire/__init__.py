"""The wire format of hushpost: frames, control messages, limits, public records; pure."""
