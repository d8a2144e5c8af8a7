"""Why connections end, in this library's words."""

import ssl
from copy import copy

import pytest
from hushpost.errors import (
    LoginDisplaced,
    LoginRefused,
    RelayError,
    RelayMisbehaved,
    RelayUnreachable,
    RelayVersionUnknown,
)
from hushpost.retry import BUSY, MOVED, NO_PAUSE, Pause
from hushpost.transport_endings import (
    hung_up,
    no_relay,
    own_close,
    proxy_failed,
    refused_upgrade,
    relay_close,
    socket_close,
    unreachable,
    untrusted,
)
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.host import Host

HOST = Host("relay.example")
EXPECTED: dict[CloseCode, type[RelayError]] = {
    CloseCode.PROTOCOL_ERROR: RelayMisbehaved,
    CloseCode.UNKNOWN_VERSION: RelayVersionUnknown,
    CloseCode.LOGIN_FAILED: LoginRefused,
    CloseCode.DISPLACED: LoginDisplaced,
    CloseCode.ACCOUNT_GONE: LoginRefused,
}


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_of_the_relay(code: CloseCode) -> None:
    """Each code the relay may send has exactly one error; all but five mean: come back."""
    error = relay_close(HOST, code)
    assert type(error) is EXPECTED.get(code, RelayUnreachable)
    assert HOST in str(error)


@pytest.mark.parametrize("code", [None, 1006, 4999])
def test_a_lost_line_or_unknown_code(code: int | None) -> None:
    """No close frame, or a code nobody defined, means: come back."""
    assert type(relay_close(HOST, code)) is RelayUnreachable


def test_own_closes() -> None:
    """What this client's machine closed for decides whose fault it is told to be."""
    assert own_close(HOST, CloseCode.NORMAL, "") is None
    assert type(own_close(HOST, CloseCode.TIMEOUT, "")) is RelayUnreachable
    assert type(own_close(HOST, CloseCode.UNKNOWN_VERSION, "")) is RelayVersionUnknown
    error = own_close(HOST, CloseCode.PROTOCOL_ERROR, "a tag twice")
    assert type(error) is RelayMisbehaved
    assert "a tag twice" in str(error)


@pytest.mark.parametrize("code", [1002, 1007, 1009])
def test_broken_frames_are_the_relays_fault(code: int) -> None:
    """Bytes that are no WebSocket, or a message too large, are RelayMisbehaved."""
    assert type(socket_close(HOST, code)) is RelayMisbehaved


def test_silence_is_a_lost_line() -> None:
    """A relay that answers no ping is unreachable."""
    assert type(socket_close(HOST, 1011)) is RelayUnreachable


def test_statuses() -> None:
    """Busy statuses mean: come back; any other means: this is no relay."""
    assert type(refused_upgrade(HOST, 503)) is RelayUnreachable
    assert type(refused_upgrade(HOST, 404)) is RelayMisbehaved


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(111, "refused"), "refused"),
        (OSError(), "no such host"),
        (ConnectionResetError(), "it hung up"),
    ],
)
def test_unreachable_says_what_to_do(error: OSError, cause: str) -> None:
    """The message names the host, the cause and the next step; TLS only where it was spoken."""
    plain, secure = (str(unreachable(HOST, error, secure=tls)) for tls in (False, True))
    for text in (plain, secure):
        assert cause in text
        assert HOST in text
        assert "hushpost-relay serve" in text
    assert "TLS" not in plain
    assert ("TLS 1.3" in secure) == isinstance(error, ConnectionResetError)


def test_what_answers_but_is_no_relay() -> None:
    """A stranger's certificate, a dead proxy and another server are told apart."""
    refused = ssl.SSLCertVerificationError()
    refused.reason = "CERTIFICATE_VERIFY_FAILED"
    assert "CERTIFICATE_VERIFY_FAILED" in str(untrusted(HOST, refused))
    assert "is the proxy running" in str(proxy_failed(HOST, OSError()))
    assert type(no_relay(HOST, "HTTP 404")) is RelayMisbehaved
    assert type(hung_up(HOST)) is RelayUnreachable


@pytest.mark.parametrize(
    ("code", "pause"),
    [
        (CloseCode.DRAIN, MOVED),
        (CloseCode.RATE_LIMITED, BUSY),
        (CloseCode.AT_CAPACITY, BUSY),
        (CloseCode.GOING_AWAY, NO_PAUSE),
        (CloseCode.SLOW_READER, NO_PAUSE),
    ],
)
def test_each_close_says_how_to_come_back(code: CloseCode, pause: Pause) -> None:
    """As the table of close codes has it; a copy of the error keeps it."""
    error = relay_close(HOST, code)
    assert isinstance(error, RelayUnreachable)
    assert copy(error).pause == pause


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("60", 60.0), ("1", 1.0), ("999999999999999", 3_600.0), ("soon", 0.0), (None, 0.0)],
)
def test_retry_after_is_kept_to_and_bounded(retry_after: str | None, seconds: float) -> None:
    """Seconds as a relay writes them; a date, or a year, is somebody's mistake."""
    error = refused_upgrade(HOST, 503, retry_after)
    assert isinstance(error, RelayUnreachable)
    assert error.pause.seconds_min == seconds
