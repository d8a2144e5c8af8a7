"""How a relay is reached: scheme, TLS, proxy, pinned key."""

import ssl

import pytest
from hushpost.errors import MisuseError, RelayIdentityChanged
from hushpost.transport_dial import Dial, check_relay, url
from hushpost_crypto.keys import RelayKey
from hushpost_crypto.login import make_handover
from hushpost_crypto.primitives import random_bytes
from hushpost_wire.control import Hello, ProtocolRange, Registration, Role
from hushpost_wire.host import Host
from hushpost_wire.limits import Limits
from hushpost_wire.relay_records import Handover

from tests.client_lib.transport_people import MemoryPins

HOST = Host("relay.example")
OLD, MIDDLE, NEW = (RelayKey.generate(random_bytes) for _ in range(3))


def hello(key: RelayKey, *handovers: Handover) -> Hello:
    """Make a greeting that shows a key and handovers."""
    return Hello(
        protocol=ProtocolRange(min=1, max=1),
        role=Role.POST,
        host="elsewhere.example",
        relay_key=key.public_key(),
        handovers=tuple(record.to_bytes() for record in handovers),
        nonce=bytes(32),
        hour=1,
        limits=Limits(),
        registration=Registration.OPEN,
    )


def test_plain_only_on_this_machine() -> None:
    """A loopback host is reached by ws, every other by wss only, at the endpoint's path."""
    assert url(Host("127.0.0.1:8440"), Role.INBOX, secure=False) == "ws://127.0.0.1:8440/v1/inbox"
    assert url(HOST, Role.POST, secure=True) == "wss://relay.example/v1/post"
    with pytest.raises(MisuseError, match="wss"):
        url(HOST, Role.POST, secure=False)


def test_tls_is_1_3_and_verified() -> None:
    """The context for a host elsewhere asks for TLS 1.3, a trusted certificate and its name."""
    context = Dial().tls_for(HOST)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert Dial().tls_for(Host("localhost:1")) is None


def test_a_weaker_context_is_refused() -> None:
    """An app cannot lower the version of TLS by a context of its own."""
    with pytest.raises(MisuseError, match=r"1\.3"):
        Dial(tls=ssl.create_default_context())


def test_an_own_context_is_used() -> None:
    """A context with an authority of the app's own replaces the system's, also on this machine."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    assert Dial(tls=context).tls_for(Host("localhost:1")) is context


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080",
        "127.0.0.1:9050",
        "socks5h://127.0.0.1",
        "socks5h://:9050",
        "socks5h://user:word@127.0.0.1:9050",
        "socks5h://127.0.0.1:99999",
        "socks5h://127.0.0.1:9050/path",
    ],
)
def test_impossible_proxies_are_refused(address: str) -> None:
    """An address that is no SOCKS proxy, or names a user, is refused when it is set."""
    with pytest.raises(MisuseError, match="proxy"):
        Dial(socks_proxy=address)


def test_each_connection_gets_a_user_of_its_own() -> None:
    """The proxy is told another user name each time; without a proxy there is none."""
    dial = Dial(socks_proxy="socks5h://127.0.0.1:9050")
    first, second = dial.proxy_for_one(random_bytes), dial.proxy_for_one(random_bytes)
    assert first is not None
    assert first.startswith("socks5h://")
    assert first.endswith("@127.0.0.1:9050")
    assert first != second
    assert Dial().proxy_for_one(random_bytes) is None


async def test_the_first_key_is_believed_and_kept() -> None:
    """The first key seen at a host is remembered under the host dialled, and then required."""
    pins = MemoryPins()
    await check_relay(HOST, hello(OLD), pins)
    assert pins.keys == {HOST: OLD.public_key()}
    await check_relay(HOST, hello(OLD), pins)
    with pytest.raises(RelayIdentityChanged):
        await check_relay(HOST, hello(NEW), pins)
    assert pins.keys == {HOST: OLD.public_key()}


async def test_signed_handovers_are_followed() -> None:
    """Two handovers lead from the remembered key to the one shown, which replaces it."""
    pins = MemoryPins()
    pins.keys[HOST] = OLD.public_key()
    chain = (
        make_handover(OLD, MIDDLE.public_key(), today=1),
        make_handover(MIDDLE, NEW.public_key(), today=2),
    )
    await check_relay(HOST, hello(NEW, *chain), pins)
    assert pins.keys[HOST] == NEW.public_key()


async def test_a_handover_by_somebody_else_is_refused() -> None:
    """A handover that the remembered key did not sign changes nothing."""
    pins = MemoryPins()
    pins.keys[HOST] = OLD.public_key()
    forged = make_handover(MIDDLE, NEW.public_key(), today=1)
    signed_by_other = Handover(OLD.public_key(), NEW.public_key(), 1, forged.signature)
    for record in (forged, signed_by_other):
        with pytest.raises(RelayIdentityChanged, match="operator"):
            await check_relay(HOST, hello(NEW, record), pins)
    assert pins.keys[HOST] == OLD.public_key()
