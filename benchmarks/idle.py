"""Memory of connections that do nothing: what 5,000 of them add to a server's resident set.

For the relay each is a device of an account made for it, logged in; what the relay keeps of those
accounts in its caches is counted in.
"""

import asyncio

from benchmarks.forwarder_link import open_forwarded
from benchmarks.link import Link
from benchmarks.orders import RELAY, Idle
from benchmarks.people import Person
from benchmarks.processor_time import resident_bytes
from benchmarks.recording import Figures

# Logins under way at once: few, so that what they need passingly does not count as idle memory.
AT_ONCE = 16
# Interpreters and allocators take memory in steps; the first connections pay for them.
WARM_UP_CONNECTIONS = 100
SETTLE_SECONDS = 1.0


async def idle(order: Idle) -> tuple[Figures, list[Link]]:
    """Open the connections; return the figures, and the links for the caller to close."""
    links = await _open(order, WARM_UP_CONNECTIONS)
    await asyncio.sleep(SETTLE_SECONDS)
    before = resident_bytes(order.pid)
    links += await _open(order, order.connections)
    await asyncio.sleep(SETTLE_SECONDS)
    grown = resident_bytes(order.pid) - before
    lost = [link.closed for link in links if link.closed is not None]
    if lost:
        raise TimeoutError(f"{len(lost)} idle connections ended: {lost[0]}")
    return {"bytes_per_connection": grown / order.connections}, links


async def _open(order: Idle, count: int) -> list[Link]:
    links: list[Link] = []
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            links.append(await open_one(order))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return links


async def open_one(order: Idle) -> Link:
    """Open one connection, logged in where there is a login."""
    if order.kind == RELAY:
        return await Person.make().open_inbox(order.url, create=True)
    return await open_forwarded(order.url, b"")
