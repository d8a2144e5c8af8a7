"""What the servers of a Redis cluster hold at one moment, as their operator could look it up.

Asked of the servers themselves, on connections of the demo's own; the relays are not asked.
"""

import asyncio
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_store.redis.keys import mailbox_keys

from hushpost_demo.errors import RedisSilent
from hushpost_demo.redis_questions import RedisQuestions, asking, blob, items, number
from hushpost_demo.redis_servers import RedisCluster, RedisServer
from hushpost_demo.relay_view import MailboxView

REWRITE_SECONDS_MAX: Final = 20.0
# An envelope's last bytes lie at the end of its head (docs/spec/store.md, "Keys").
_TAIL_BYTES: Final = 16
_MAILBOX: Final = re.compile(rb"\{([\w-]{22})\}:mailbox")
_LOOK_AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class RedisHoldings:
    """What all primaries together hold."""

    keys: tuple[bytes, ...]
    mailboxes: tuple[MailboxView, ...]
    envelopes: tuple[bytes, ...]

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return sum(key.endswith(b":account") for key in self.keys)


@dataclass(frozen=True, slots=True)
class Home:
    """The servers that keep one mailbox: who answers for it, and who copies."""

    primary: RedisServer
    replicas: tuple[RedisServer, ...]


async def read_holdings(cluster: RedisCluster) -> RedisHoldings:
    """Read everything that the primaries hold. Raises `RedisSilent` where one does not answer."""
    keys: list[bytes] = []
    mailboxes: list[MailboxView] = []
    envelopes: list[bytes] = []
    for primary in await primaries(cluster):
        async with asking(primary) as server:
            held = [blob(key) for key in items(await server.ask(b"KEYS", b"*"))]
            keys += held
            for key in held:
                if found := _MAILBOX.fullmatch(key):
                    view, waiting = await _mailbox(server, urlsafe_b64decode(found[1] + b"=="))
                    mailboxes.append(view)
                    envelopes += waiting
    mailboxes.sort(key=lambda mailbox: mailbox.route)
    return RedisHoldings(tuple(sorted(keys)), tuple(mailboxes), tuple(envelopes))


async def _mailbox(server: RedisQuestions, route: bytes) -> tuple[MailboxView, tuple[bytes, ...]]:
    _, drops, heads, order, bodies, _ = mailbox_keys(route)
    ids = [blob(item) for item in items(await server.ask(b"ZRANGE", order, 0, -1))]
    envelopes: list[bytes] = []
    for envelope_id in ids:
        body = blob(await server.ask(b"HGET", bodies, envelope_id))
        head = blob(await server.ask(b"HGET", heads, envelope_id))
        envelopes.append(body + head[-_TAIL_BYTES:])
    count = number(await server.ask(b"HLEN", drops))
    view = MailboxView(route, len(envelopes), sum(map(len, envelopes)), count)
    return view, tuple(envelopes)


async def login_node(cluster: RedisCluster, route: bytes) -> bytes:
    """Give the name of the relay on which the owner of a mailbox is logged in; empty: on none."""
    key = mailbox_keys(route)[0]
    async with asking((await home_of(cluster, key)).primary) as server:
        node = await server.ask(b"HGET", key, b"node")
    return b"" if node is None else blob(node)


async def primaries(cluster: RedisCluster) -> list[RedisServer]:
    """Give the servers that own slots and run."""
    rows = await _slots(cluster)
    owners = {row[0].port: row[0] for _, _, row in rows}
    return [server for server in owners.values() if server.is_running]


async def home_of(cluster: RedisCluster, key: bytes) -> Home:
    """Give the servers that keep a key. Raises `RedisSilent` where no server owns its slot."""
    async with asking(_alive(cluster)) as server:
        slot = number(await server.ask(b"CLUSTER", b"KEYSLOT", key))
    for first, last, (primary, *replicas) in await _slots(cluster):
        if first <= slot <= last:
            return Home(primary, tuple(replicas))
    raise RedisSilent("no server of the cluster owns this slot")


async def _slots(cluster: RedisCluster) -> list[tuple[int, int, list[RedisServer]]]:
    by_port = {server.port: server for server in cluster.servers}
    async with asking(_alive(cluster)) as server:
        answer = await server.ask(b"CLUSTER", b"SLOTS")
    rows: list[tuple[int, int, list[RedisServer]]] = []
    for row in items(answer):
        first, last, *nodes = items(row)
        servers = [by_port[number(items(node)[1])] for node in nodes]
        rows.append((number(first), number(last), servers))
    return rows


def _alive(cluster: RedisCluster) -> RedisServer:
    for server in cluster.servers:
        if server.is_running:
            return server
    raise RedisSilent("no server of the cluster runs")


async def rewrite_logs(servers: Sequence[RedisServer]) -> None:
    """Have each server write its append-only file anew, and wait until all have."""
    await asyncio.gather(*(_rewrite(server) for server in servers))


async def _rewrite(one: RedisServer) -> None:
    async with asyncio.timeout(REWRITE_SECONDS_MAX), asking(one) as server:
        await _no_rewrite(server)
        await server.ask(b"BGREWRITEAOF")
        await _no_rewrite(server)


async def _no_rewrite(server: RedisQuestions) -> None:
    while True:
        state = blob(await server.ask(b"INFO", b"persistence"))
        if b"rewrite_in_progress:0" in state and b"rewrite_scheduled:0" in state:
            return
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
