"""Several connections to one server: order within a slot, and all lost with one."""

import asyncio
from collections.abc import Callable

import pytest
from hushpost_demo.redis_servers import RedisServer
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer, Command, ConnectionLost
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.acting_server import ActingServer, acting

LANES = 3
# A buffer that is larger than this, and twice as large as what came last, is shrunk by Redis.
SHRUNK_FROM_BYTES = 32 << 10


class Made:
    """Lanes to one port, and what became of them."""

    def __init__(self, port: int) -> None:
        self.links: list[NodeLink] = []
        self.lost: list[Lanes] = []
        self._port = port
        self.lanes = Lanes(self._make, LANES, self.lost.append)

    def _make(self, on_lost: Callable[[NodeLink], None]) -> NodeLink:
        url = RedisUrl.parse(f"redis://127.0.0.1:{self._port}")
        connection = ServerConnection(url, Address("127.0.0.1", self._port), 1.0)
        self.links.append(NodeLink(connection, 1.0, on_lost))
        return self.links[-1]

    async def ask(self, slot: int | None, *arguments: bytes) -> Answer:
        """Send one command and wait for its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.lanes.send(Command(arguments, slot, future.set_result))
        return await asyncio.wait_for(future, 5)


async def test_a_slot_keeps_to_one_connection(running_server: RedisServer) -> None:
    """The same slot always goes the same way, others go others, and all ways are used."""
    made = Made(running_server.port)
    await made.lanes.open()
    numbers = [await made.ask(slot, b"CLIENT", b"ID") for slot in (0, 1, 2, 0, 1, 2, 3)]
    assert numbers[:3] == numbers[3:6]
    assert len(set(numbers)) == LANES
    assert numbers[6] == numbers[0]
    assert await made.ask(None, b"CLIENT", b"ID") == numbers[0]
    await made.lanes.close()


async def test_scripts_are_known_on_every_lane(running_server: RedisServer) -> None:
    """What follows on any lane finds the scripts, though the lanes do not wait for each other."""
    made = Made(running_server.port)
    await made.lanes.open()
    await made.ask(0, b"SCRIPT", b"FLUSH")
    made.lanes.teach()
    sha = all_scripts()["count_prekeys"].sha
    keys = [b"{x}%d" % number for number in range(6)]
    asked = [made.ask(slot, b"EVALSHA", sha, b"6", *keys, b"d", b"1") for slot in range(LANES)]
    assert await asyncio.gather(*asked) == [-1] * LANES  # no such account
    await made.lanes.close()


async def test_scripts_are_taught_so_that_no_buffer_grows(running_server: RedisServer) -> None:
    """One past 32 KiB Redis shrinks soon, and leaves what was in it where it moved it from."""
    made = Made(running_server.port)
    await made.lanes.open()
    await made.ask(0, b"SCRIPT", b"FLUSH")
    await made.lanes.teach_calmly()
    sha = all_scripts()["count_prekeys"].sha
    for slot in range(LANES):
        assert await made.ask(slot, b"SCRIPT", b"EXISTS", sha) == [1]
    buffers = await _buffers(made)
    assert len(buffers) == LANES
    assert max(buffers) < SHRUNK_FROM_BYTES
    made.lanes.teach()  # all at once: this is what it would come to
    for slot in range(LANES):
        await made.ask(slot, b"PING")
    assert max(await _buffers(made)) > SHRUNK_FROM_BYTES
    await made.lanes.close()


async def _buffers(made: Made) -> list[int]:
    """Return the size of what the server reads each of these lanes into."""
    ours = {int(str(await made.ask(slot, b"CLIENT", b"ID"))) for slot in range(LANES)}
    listed = await made.ask(0, b"CLIENT", b"LIST")
    assert isinstance(listed, bytes)
    clients = [
        dict(word.split("=", 1) for word in line.split()) for line in listed.decode().splitlines()
    ]
    return [
        int(client["qbuf"]) + int(client["qbuf-free"])
        for client in clients
        if int(client["id"]) in ours
    ]


async def test_with_one_connection_all_are_lost(running_server: RedisServer) -> None:
    """Whoever waits on any lane is told, the loss is told once, and later commands at once."""
    made = Made(running_server.port)
    await made.lanes.open()
    number = await made.ask(1, b"CLIENT", b"ID")
    answers: list[Answer] = []
    for slot in range(LANES):
        made.lanes.send(Command((b"BLPOP", b"none", b"0"), slot, answers.append))
    await asyncio.sleep(0.05)
    killer = Made(running_server.port)
    await killer.lanes.open()
    await killer.ask(0, b"CLIENT", b"KILL", b"ID", b"%d" % int(str(number)))
    async with asyncio.timeout(5):
        while len(answers) < LANES:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)
    assert [type(answer) for answer in answers] == [ConnectionLost] * LANES
    assert made.lost == [made.lanes]
    assert [link.is_open for link in made.links] == [False] * LANES
    assert isinstance(await made.ask(2, b"PING"), ConnectionLost)
    await made.lanes.close()
    await killer.lanes.close()


async def test_nobody_there_is_said_at_opening() -> None:
    """Opening raises, and nothing stays open."""
    made = Made(1)
    with pytest.raises(ConnectionLost):
        await made.lanes.open()
    assert not any(link.is_open for link in made.links)
    assert made.lost == []


async def test_who_gives_up_opening_leaves_nothing_open() -> None:
    """A server that takes connections and says nothing: all of them end with the wait."""
    silent = ActingServer(lambda asked: b"" if asked[0] == b"INFO" else None)
    async with acting(silent) as server:
        made = Made(server.port)
        opening = asyncio.create_task(made.lanes.open())
        async with asyncio.timeout(5):
            while server.count(b"INFO") < LANES:  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert [link.is_open for link in made.links] == [False] * LANES
        assert made.lost == []


async def test_a_life_counts_while_every_lane_has_it() -> None:
    """It is forgotten on all of them when somebody else is primary."""
    async with acting(ActingServer(lambda _: None)) as server:
        made = Made(server.port)
        await made.lanes.open()
        assert made.lanes.has_life
        made.links[1].life = None
        assert not made.lanes.has_life
        commands = [Command((b"PING",), slot, lambda _: None) for slot in range(LANES)]
        assert [made.lanes.knows_life(one) for one in commands] == [
            slot != 1 for slot in range(LANES)
        ]
        made.lanes.forget_life()
        assert [link.life for link in made.links] == [None] * LANES
        await made.lanes.close()


async def test_zeros_go_each_way() -> None:
    """More than a server reads at once, on every lane, and back; nobody waits for them."""
    async with acting(ActingServer(lambda _: None)) as server:
        made = Made(server.port)
        await made.lanes.open()
        made.lanes.overwrite_buffers()
        for slot in range(LANES):
            assert await made.ask(slot, b"PING") == b"OK"
        zeros = [asked[1] for asked in server.asked if asked[0] == b"ECHO"]
        assert len(zeros) == LANES
        assert all(len(each) > 16 << 10 and not any(each) for each in zeros)
        await made.lanes.close()


async def test_the_most_silent_lane_is_that_of_the_server() -> None:
    """A server that hangs need not have been asked on each of them."""
    hangs = ActingServer(lambda asked: b"" if asked[0] == b"BLPOP" else None)
    async with acting(hangs) as server:
        made = Made(server.port)
        await made.lanes.open()
        assert made.lanes.silent_seconds == 0.0
        made.lanes.send(Command((b"BLPOP", b"none", b"0"), 1, lambda _: None))
        await asyncio.sleep(0.1)
        assert made.lanes.silent_seconds > 0.05
        assert await made.lanes.ask(b"PING") == b"OK"
        await made.lanes.close()
