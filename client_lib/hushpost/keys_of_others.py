"""Fetching a stranger's keys, anonymously (docs/spec/content.md, 3)."""

from hushpost_crypto.address import Address
from hushpost_wire.control import Error, ErrorCode
from hushpost_wire.host import Host

from hushpost.engine.peer_keys import KeysAnswer
from hushpost.engine.relay_errands import keys_answer
from hushpost.errors import HostUnconfirmed, PeerUnreachable, RelayUnreachable
from hushpost.transport_post import PostOffice


async def fetch_keys(office: PostOffice, address: Address) -> KeysAnswer:
    """Take a bundle of each device; raises `PeerUnreachable` or a `RelayError`."""
    answer = await office.take_prekeys(address.host, address.account_id)
    if not isinstance(answer, Error):
        return keys_answer(answer)
    if answer.code in (ErrorCode.SLOW_DOWN, ErrorCode.RETRY):
        wait = "" if answer.retry_after is None else f" in {answer.retry_after} seconds"
        raise RelayUnreachable(f"the relay at {address.host} is busy: try again{wait}")
    raise PeerUnreachable(
        f"the relay at {address.host} knows no such account: it was deleted, or moved to another"
        " relay; ask the person for the address again"
    )


def check_host(host: Host, trusted: frozenset[Host]) -> None:
    """Raise `HostUnconfirmed` for a relay that the person has not agreed to show an IP address."""
    if host not in trusted:
        raise HostUnconfirmed(host)
