"""How a client reaches a relay: scheme, TLS, proxy and the key it expects (docs/transport.md).

Pure but for the pins that a caller stores. Plain ``ws://`` goes to this machine alone; everything
else is TLS 1.3. A proxy gets another user name for every connection, so that it gives each a way of
its own (Tor's stream isolation), and nothing but the person's choice is ever used as a proxy.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from hushpost_crypto.errors import PeerFault
from hushpost_crypto.login import reach_relay_key, read_handover
from hushpost_wire.control import Hello, Role
from hushpost_wire.host import Host, is_loopback
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.limits import INBOX_PATH, POST_PATH

from hushpost.errors import MisuseError, RelayIdentityChanged

# Eight random bytes never repeat among the connections of one client; longer tells no more.
_ISOLATION_BYTES: Final = 8
_PATHS: Final = {Role.INBOX: INBOX_PATH, Role.POST: POST_PATH}


@dataclass(frozen=True, slots=True)
class Dial:
    """The person's and the app's choices for every connection.

    ``socks_proxy`` is ``socks5h://host:port`` (names are resolved by the proxy); ``tls`` replaces
    the system's certificate authorities, for instance by a private one.
    """

    socks_proxy: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.socks_proxy is not None:
            _check_proxy(self.socks_proxy)
        if self.tls is not None and self.tls.minimum_version < ssl.TLSVersion.TLSv1_3:
            raise MisuseError(
                "connections to a relay are TLS 1.3: set minimum_version = TLSv1_3 in the context"
            )

    def proxy_for_one(self, random: Callable[[int], bytes]) -> str | None:
        """Give the proxy's address with a user name that no other connection has."""
        if self.socks_proxy is None:
            return None
        scheme, _, rest = self.socks_proxy.partition("://")
        return f"{scheme}://{random(_ISOLATION_BYTES).hex()}:hushpost@{rest}"

    def tls_for(self, host: Host) -> ssl.SSLContext | None:
        """Give the context for a host; None for one on this machine."""
        if is_loopback(host) and self.tls is None:
            return None
        if self.tls is not None:
            return self.tls
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


def url(host: Host, role: Role, *, secure: bool) -> str:
    """Give the address of an endpoint. Plain only where the bytes never leave the machine."""
    if not secure and not is_loopback(host):
        raise MisuseError(f"{host} is not this machine: only wss:// may be used to reach it")
    return f"{'wss' if secure else 'ws'}://{host}{_PATHS[role]}"


class RelayPins(Protocol):
    """Where the keys of known relays are kept; the first key seen at a host is believed."""

    def known(self, host: Host) -> RelayPublicKey | None:
        """Give the key remembered for a host."""
        ...

    async def remember(self, host: Host, key: RelayPublicKey) -> None:
        """Keep a key, durably on return."""
        ...


async def check_relay(host: Host, hello: Hello, pins: RelayPins) -> None:
    """Accept the relay behind a hello, or raise `RelayIdentityChanged`.

    Call it before anything is signed or sent. A key that lawfully follows the known one is
    remembered in its place; the hello's own host is never looked at, only the one dialled.
    """
    known = pins.known(host)
    shown = RelayPublicKey(hello.relay_key)
    try:
        handovers = [read_handover(record) for record in hello.handovers]
        key = reach_relay_key(known, shown, handovers)
    except PeerFault as fault:
        raise RelayIdentityChanged(
            f"the relay at {host} cannot show that it is the one known before: {fault}. Nothing "
            "was sent to it. Ask its operator by another way whether the key was replaced"
        ) from None
    if key != known:
        await pins.remember(host, key)


def _check_proxy(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("socks5h", "socks5"):
        raise MisuseError("the proxy's address begins with socks5h:// (or socks5://)")
    if parts.username is not None or parts.password is not None:
        raise MisuseError(
            "the proxy's address may not name a user: every connection gets a user name of its own"
        )
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None or parts.path not in ("", "/") or parts.query:
        raise MisuseError("the proxy's address has the form socks5h://host:port")
