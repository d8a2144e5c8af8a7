"""Why a connection to a relay ended, in the words of this library's errors (docs/spec/wire.md, 9).

Pure: codes in, errors out. Three parties can end a connection: this client's machine, the WebSocket
layer beneath it, and the relay.
"""

import ssl
from typing import Final

from hushpost_wire.close_codes import MEANING, CloseCode
from hushpost_wire.host import Host

from hushpost.errors import (
    LoginDisplaced,
    LoginRefused,
    RelayError,
    RelayMisbehaved,
    RelayUnreachable,
    RelayVersionUnknown,
)
from hushpost.retry import BUSY, MOVED, NO_PAUSE, Pause

# "Busy, come back": what proxies and relays at capacity answer instead of an upgrade.
_BUSY_STATUSES: Final = (429, 502, 503, 504)
# What the WebSocket layer sends when the other side's bytes are wrong: protocol error, text that is
# no UTF-8, a message over the limit (RFC 6455, section 7.4.1).
_BROKEN_FRAMES: Final = (1002, 1007, 1009)


# A relay that asks for more is one that nobody can wait for: the person may as well see it tried.
_RETRY_AFTER_SECONDS_MAX: Final = 3_600
_PAUSES: Final = {
    CloseCode.DRAIN: MOVED,
    CloseCode.RATE_LIMITED: BUSY,
    CloseCode.AT_CAPACITY: BUSY,
}


def refused_upgrade(host: Host, status: int, retry_after: str | None = None) -> RelayError:
    """Say what an HTTP status instead of an upgrade means, and its `Retry-After` in seconds."""
    if status in _BUSY_STATUSES:
        error = RelayUnreachable(f"the relay at {host} is busy or restarting (HTTP {status})")
        if retry_after is not None and retry_after.isdecimal():
            seconds = min(int(retry_after[:9]), _RETRY_AFTER_SECONDS_MAX)
            error.pause = Pause(seconds_min=seconds, base_seconds=MOVED.base_seconds)
        return error
    return no_relay(host, f"HTTP {status}")


def untrusted(host: Host, error: ssl.SSLError) -> RelayUnreachable:
    """Say why there is no TLS: somebody else's certificate, an older version, or none at all."""
    return RelayUnreachable(
        f"no trusted TLS 1.3 connection to {host} ({error.reason}): check the host name and "
        "its certificate; somebody may stand between"
    )


def proxy_failed(host: Host, error: Exception) -> RelayUnreachable:
    """Say that the proxy, and not the relay, is what failed."""
    return RelayUnreachable(
        f"the SOCKS proxy did not reach {host} ({type(error).__name__}): is the proxy running?"
    )


def no_relay(host: Host, shown: str) -> RelayMisbehaved:
    """Say that something answers, and that it is not a relay."""
    return RelayMisbehaved(
        f"what answers at {host} is no hushpost relay ({shown}): check the address"
    )


def unreachable(host: Host, error: OSError, *, secure: bool) -> RelayUnreachable:
    """Say why no connection came about at all. `secure`: TLS was being spoken."""
    return RelayUnreachable(
        f"no relay answers at {host} ({_cause(error, secure=secure)}): check the address and the "
        "network, or start the relay there (hushpost-relay serve)"
    )


def hung_up(host: Host) -> RelayUnreachable:
    """Say that a connection ended before the handshake was answered."""
    return RelayUnreachable(
        f"the connection to {host} ended before the relay answered: it may be restarting"
    )


def own_close(host: Host, code: CloseCode, reason: str) -> RelayError | None:
    """Say why this client's machine closed; None if it was asked to."""
    if code is CloseCode.NORMAL:
        return None
    if code is CloseCode.TIMEOUT:
        return RelayUnreachable(f"the relay at {host} did not answer in time")
    if code is CloseCode.UNKNOWN_VERSION:
        return RelayVersionUnknown(
            f"the relay at {host} and this app share no protocol version: update the older of them"
        )
    return RelayMisbehaved(
        f"the relay at {host} broke the protocol ({reason}); the connection was closed. Report it "
        "to its operator; nothing that it sent so was used"
    )


def socket_close(host: Host, code: int) -> RelayError:
    """Say why the WebSocket layer on this side gave up."""
    if code in _BROKEN_FRAMES:
        return RelayMisbehaved(
            f"the relay at {host} broke the WebSocket protocol ({code}); the connection was "
            "closed. Report it to its operator"
        )
    return RelayUnreachable(f"the relay at {host} went silent; the connection was given up")


def relay_close(host: Host, code: int | None) -> RelayError:
    """Say what the relay's close code means, or its absence (a lost line)."""
    try:
        known = CloseCode(code or CloseCode.GOING_AWAY)
    except ValueError:
        return RelayUnreachable(f"the connection to {host} was lost (code {code})")
    if known is CloseCode.DISPLACED:
        return LoginDisplaced(
            f"another client logged in at {host} as this device: a copy of this vault runs "
            "somewhere. Close one of them, then open the client again"
        )
    if known in (CloseCode.LOGIN_FAILED, CloseCode.ACCOUNT_GONE):
        return LoginRefused(f"the relay at {host} does not let this device in: {MEANING[known]}")
    if known is CloseCode.UNKNOWN_VERSION:
        return RelayVersionUnknown(f"the relay at {host} speaks no version of ours: update the app")
    if known is CloseCode.PROTOCOL_ERROR:
        return RelayMisbehaved(
            f"the relay at {host} says that this client broke the protocol: update both, report it"
        )
    error = RelayUnreachable(f"the relay at {host} closed the connection: {MEANING[known]}")
    error.pause = _PAUSES.get(known, NO_PAUSE)
    return error


def _cause(error: OSError, *, secure: bool) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if error.strerror:
        return error.strerror
    if isinstance(error, ConnectionError):
        # Without a number of the system: ended by the other side in the middle of the handshake.
        return "it hung up; a server that has no TLS 1.3 does so" if secure else "it hung up"
    return "no such host"
