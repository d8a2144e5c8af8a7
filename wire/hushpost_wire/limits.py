"""Every limit of the wire: a named constant with its reason (docs/spec/wire.md, section 10).

`Limits` is what a relay announces in `hello`. The constants are the defaults of its fields or, for
those that are part of the protocol, the only value; the table in the spec is held equal to them.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

_KIB: Final = 1024

# One version exists; the range is announced so that a second can come beside it.
PROTOCOL_VERSION_MIN: Final = 1
PROTOCOL_VERSION_MAX: Final = 1
# The names a WebSocket handshake asks for: they change with an incompatible protocol alone.
SUBPROTOCOL: Final = "hushpost.v1"
INBOX_PATH: Final = "/v1/inbox"
POST_PATH: Final = "/v1/post"

# Two sizes only, so that a queued envelope tells the relay one bit about what is in it.
ENVELOPE_BUCKETS: Final = (4096, 16384)
# With bucket enforcement off (comparison runs only): smaller than a commitment and a tag is noise.
ENVELOPE_BYTES_MIN_UNENFORCED: Final = 64
ENVELOPE_BYTES_MAX: Final = ENVELOPE_BUCKETS[-1]

# A take of prekeys for 8 devices is about 52 KiB of JSON; nothing else comes near.
CONTROL_BYTES_MAX: Final = 64 * _KIB
# The one size the WebSocket layer checks; a frame with the largest envelope is far below it.
MESSAGE_BYTES_MAX: Final = CONTROL_BYTES_MAX
# A coalesced ACCEPTED or ACKNOWLEDGE stays near 1 KiB, and its decoding bounded.
FRAME_NUMBERS_MAX: Final = 256

# Unanswered submissions of a connection: covers a round trip of 100 ms at 2,500 a second and
# bounds what one connection can have waiting at the writer to 4 MiB.
SUBMITS_IN_FLIGHT_MAX: Final = 256
# Unacknowledged deliveries of a connection: at most 2 MiB that a relay redelivers after a loss.
DELIVERIES_IN_FLIGHT_MAX: Final = 128
# Control requests are rare; more than this unanswered is a client out of control.
REQUESTS_IN_FLIGHT_MAX: Final = 16

# A thousand messages of the small bucket each from ten busy contacts.
MAILBOX_ENVELOPES_MAX: Final = 10_000
# What 10,000 small envelopes, and half as many large ones again, take.
MAILBOX_BYTES_MAX: Final = 128 * _KIB * _KIB
# One contact fills at most a tenth of a mailbox.
DROP_ENVELOPES_MAX: Final = 1_000
DROP_BYTES_MAX: Final = 8 * _KIB * _KIB
# Strangers: few, since each is a request on a person's attention; a new day alone refills it.
KNOCKS_PER_DAY: Final = 20
# What 20 knocks of the large bucket take, and half as much again that nobody has read.
KNOCK_BYTES_MAX: Final = 512 * _KIB
# One drop per contact account, and room for one-use drops of open invitations.
DROPS_PER_MAILBOX_MAX: Final = 2_000

# 100 one-time records last a popular account a day; a batch of 20 fits a control message.
ONE_TIME_PREKEYS_MAX: Final = 100
ONE_TIME_PREKEYS_LOW: Final = 30
ONE_TIME_PREKEYS_BATCH_MAX: Final = 20
# The chain a relay keeps: 64 changes of a device list is years of an ordinary account.
DEVICE_LISTS_KEPT: Final = 64
# 16 lists of 8 devices are 15 KiB of JSON: an answer stays small, the client asks again.
DEVICE_LISTS_PER_ANSWER_MAX: Final = 16
# Rotations of a relay identity a returning client can follow.
HANDOVERS_MAX: Final = 16
# Expired notices list drops; more than this come in a further notice.
EXPIRED_DROPS_PER_NOTICE_MAX: Final = 500

# An operator's registration token is 32 random bytes in base64url; longer is no token.
TOKEN_CHARACTERS_MAX: Final = 128
# A phone on a bad line signs and sends a login well within this; an idle stranger holds no slot.
LOGIN_SECONDS_MAX: Final = 15
# Under the 60 seconds after which common proxies and NATs forget a silent connection.
PING_INTERVAL_SECONDS: Final = 45
# A ping behind 2 MiB of deliveries on a line of 1 Mbit/s.
PING_TIMEOUT_SECONDS: Final = 30
# A post connection links what is sent on it: clients rotate within 10 minutes, relays insist.
POST_SECONDS_MAX: Final = 900
# A client waits this long for any answer before it takes the connection for dead.
ANSWER_SECONDS_MAX: Final = 30
# Drain waits this long for answers in flight, then closes all the same.
DRAIN_SECONDS_MAX: Final = 10

# TTL classes end on a whole unit; a clock one unit ahead is still served (docs/spec/delivery.md).
CLOCK_SKEW_UNITS_MAX: Final = 1

# Bounds of what may be announced: outside them a relay is at fault, and the client closes.
# Counts and sizes: what every JSON reader holds exactly.
Count = Annotated[int, Field(ge=1, le=2**53)]
# A peer keeps a number for each in flight: no relay can make a client keep millions.
Window = Annotated[int, Field(ge=1, le=2**16)]
# Nothing on a connection is waited for longer than a day.
Seconds = Annotated[int, Field(ge=1, le=86_400)]


class Limits(BaseModel):
    """What a relay announces in `hello`; a client MUST keep within it and not within defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    # Those of one value are part of version 1, and are announced for a later one to differ.
    envelope_buckets: Annotated[
        tuple[Annotated[int, Field(ge=ENVELOPE_BUCKETS[0], le=ENVELOPE_BUCKETS[-1])], ...],
        Field(min_length=len(ENVELOPE_BUCKETS), max_length=len(ENVELOPE_BUCKETS)),
    ] = ENVELOPE_BUCKETS
    bucket_enforcement: bool = True
    control_bytes_max: Annotated[int, Field(ge=CONTROL_BYTES_MAX, le=MESSAGE_BYTES_MAX)] = (
        CONTROL_BYTES_MAX
    )
    frame_numbers_max: Annotated[int, Field(ge=FRAME_NUMBERS_MAX, le=FRAME_NUMBERS_MAX)] = (
        FRAME_NUMBERS_MAX
    )
    submits_in_flight_max: Window = SUBMITS_IN_FLIGHT_MAX
    deliveries_in_flight_max: Window = DELIVERIES_IN_FLIGHT_MAX
    requests_in_flight_max: Window = REQUESTS_IN_FLIGHT_MAX
    mailbox_envelopes_max: Count = MAILBOX_ENVELOPES_MAX
    mailbox_bytes_max: Count = MAILBOX_BYTES_MAX
    drop_envelopes_max: Count = DROP_ENVELOPES_MAX
    drop_bytes_max: Count = DROP_BYTES_MAX
    knocks_per_day: Count = KNOCKS_PER_DAY
    knock_bytes_max: Count = KNOCK_BYTES_MAX
    drops_per_mailbox_max: Count = DROPS_PER_MAILBOX_MAX
    one_time_prekeys_max: Annotated[int, Field(ge=ONE_TIME_PREKEYS_MAX, le=2**16)] = (
        ONE_TIME_PREKEYS_MAX
    )
    one_time_prekeys_low: Annotated[int, Field(ge=1, le=ONE_TIME_PREKEYS_MAX)] = (
        ONE_TIME_PREKEYS_LOW
    )
    one_time_prekeys_batch_max: Annotated[
        int, Field(ge=ONE_TIME_PREKEYS_BATCH_MAX, le=ONE_TIME_PREKEYS_BATCH_MAX)
    ] = ONE_TIME_PREKEYS_BATCH_MAX
    device_lists_kept: Window = DEVICE_LISTS_KEPT
    login_seconds_max: Seconds = LOGIN_SECONDS_MAX
    ping_interval_seconds: Seconds = PING_INTERVAL_SECONDS
    ping_timeout_seconds: Seconds = PING_TIMEOUT_SECONDS
    post_seconds_max: Seconds = POST_SECONDS_MAX

    @field_validator("envelope_buckets")
    @classmethod
    def _buckets_of_version_1(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if sizes != ENVELOPE_BUCKETS:
            raise ValueError("envelopes of version 1 have these two sizes and no other")
        return sizes

    def envelope_fits(self, size: int) -> bool:
        """Say whether an envelope of `size` bytes may be submitted to this relay."""
        if self.bucket_enforcement:
            return size in self.envelope_buckets
        return ENVELOPE_BYTES_MIN_UNENFORCED <= size <= max(self.envelope_buckets)
