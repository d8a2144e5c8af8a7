"""Where things stand in the frames that the load reads and writes without decoding them.

Taken from docs/spec/wire.md section 5; tests hold these numbers equal to `hushpost_wire.frames`.
"""

from typing import Final

ROUTE_START: Final = 8
ROUTE_END: Final = 24

# A DELIVER's tag, as the four bytes that an ACKNOWLEDGE repeats.
TAG_START: Final = 4
TAG_END: Final = 8

# Our envelopes are filler, and at their end the number of the message within its pair.
NUMBER_BYTES: Final = 8
