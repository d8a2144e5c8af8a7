"""Connections by address: when they are made, how often, and what ends with them."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, cli, redis_server
from hushpost_store.redis import links
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import ANY_LIFE, Answer, Command, ConnectionLost, ServerError
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.links import AWAY_SECONDS, Links
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.acting_server import ActingServer, acting


class Asking:
    """Links of two connections each, and how often somebody was not there."""

    def __init__(self, port: int) -> None:
        url = f"redis://127.0.0.1:{port}"
        self.absent = 0
        options = replace(RedisOptions(url), connections_per_server=2, answer_seconds_max=0.5)
        self.links = Links(RedisUrl.parse(url), options, self._note)
        self.address = Address("127.0.0.1", port)

    def _note(self) -> None:
        self.absent += 1

    async def ask(self, *arguments: bytes, slot: int | None = None) -> Answer:
        """Send one command and wait for its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.links.send(self.address, Command(arguments, slot, future.set_result))
        return await asyncio.wait_for(future, 5)


async def test_who_is_away_is_not_asked_without_a_pause() -> None:
    """However much is sent to a dead server, it is dialled ten times a second."""
    asking = Asking(1)
    began = time.monotonic()
    answers = 0
    while time.monotonic() - began < 5 * AWAY_SECONDS:
        assert isinstance(await asking.ask(b"PING"), ConnectionLost)
        answers += 1
    assert 2 <= asking.absent <= 7
    assert answers == asking.absent
    await asking.links.close()
    assert isinstance(await asking.ask(b"PING"), ConnectionLost)


async def test_little_waits_for_who_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first all that is given waits for the connection; once it failed, no more than a bound."""
    monkeypatch.setattr(links, "WAITING_BYTES_MAX", 10_000)
    asking = Asking(1)
    for waiting in (100, 11):
        answers: list[Answer] = []
        for _ in range(100):
            command = Command((b"ECHO", bytes(970)), None, answers.append)
            asking.links.send(asking.address, command)
        assert len(answers) == 100 - waiting
        async with asyncio.timeout(5):
            while len(answers) < 100:  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.01)
    await asking.links.close()


async def test_scripts_are_taught_once_for_all_that_missed_them() -> None:
    """A thousand commands that met no script have it loaded once on each connection."""
    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        once = server.count(b"SCRIPT", b"LOAD")
        for _ in range(1_000):
            asking.links.teach()
        await asking.ask(b"PING", slot=0)
        await asking.ask(b"PING", slot=1)
        assert server.count(b"SCRIPT", b"LOAD") == 2 * once
        await asking.links.close()


async def test_connections_that_end_before_they_are_used_are_made_again(
    running_server: RedisServer,
) -> None:
    """One that is lost while its server is looked at leaves no dead ones behind for good."""
    asking = Asking(running_server.port)
    looked = 0

    async def check(_address: Address, lanes: Lanes) -> None:
        nonlocal looked
        looked += 1
        if looked == 1:
            lanes._links[1].lose()  # pyright: ignore[reportPrivateUsage] - as when its end is read
            lanes.teach_calmly = _nothing  # type: ignore[method-assign] # all was answered before

    asking.links.check = check
    assert isinstance(await asking.ask(b"PING"), ConnectionLost)
    assert await asking.ask(b"PING") == b"PONG"
    assert (looked, asking.absent) == (2, 1)
    await asking.links.close()


async def _nothing() -> None:
    """Have nothing left to do."""


async def test_an_idle_connection_that_ends_costs_no_command(running_server: RedisServer) -> None:
    """A server or network that ends what nobody uses is noticed before somebody does."""
    asking = Asking(running_server.port)
    number = await asking.ask(b"CLIENT", b"ID", slot=1)
    await cli("-p", str(running_server.port), "client", "kill", "id", str(number))
    await asyncio.sleep(0.05)
    assert await asking.ask(b"CLIENT", b"ID", slot=1) != number
    assert asking.absent == 0
    await asking.links.close()


async def test_a_connection_that_nobody_uses_is_kept_up() -> None:
    """It is asked as often as answers may take, on every lane."""
    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        await asyncio.sleep(1.2)
        assert server.count(b"PING") - 1 == 2 * 2
        await asking.links.close()


async def test_a_server_that_hangs_is_left_at_once(tmp_path: Path) -> None:
    """What it never took is freed with its sockets, when it is overdue and when all is closed."""
    async with redis_server(tmp_path) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        before = len(os.listdir("/proc/self/fd"))
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        large = (asking.ask(b"ECHO", bytes(16_000_000), slot=slot) for slot in (0, 1))
        assert [type(answer) for answer in await asyncio.gather(*large)] == [ConnectionLost] * 2
        await asyncio.sleep(0.05)
        assert len(os.listdir("/proc/self/fd")) == before - 2
        server.process.send_signal(signal.SIGCONT)
        assert await asking.ask(b"PING") == b"PONG"
        server.process.send_signal(signal.SIGSTOP)
        left = asyncio.create_task(asking.ask(b"ECHO", bytes(16_000_000)))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        await asking.links.close()
        assert time.monotonic() - began < 0.3
        assert isinstance(await left, ConnectionLost)
        server.process.send_signal(signal.SIGCONT)


async def test_a_barrier_chosen_later_is_that_of_every_connection() -> None:
    """All are replaced: what is written from then on is waited for."""
    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        asking.links.barrier = Barrier(1, 100, has_waitaof=False)
        await asking.links.reopen()
        assert server.connections == 4
        command = Command((b"SET", b"a", b"b"), 1, lambda _: None, on_durable=lambda _: None)
        asking.links.send(asking.address, command)
        await asking.ask(b"PING", slot=1)
        assert server.count(b"WAIT") == 1
        await asking.links.close()


async def test_zeros_go_to_every_server() -> None:
    """On each of its connections."""
    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        asking.links.overwrite_buffers()
        await asking.ask(b"PING", slot=0)
        await asking.ask(b"PING", slot=1)
        assert server.count(b"ECHO") == 2
        await asking.links.close()


async def test_a_server_whose_life_is_not_known_is_asked_anew_for_it() -> None:
    """Before a command that numbers envelopes goes there, and before no other."""
    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        await asking.ask(b"PING")
        asking.links.forget_lives_but([asking.address])
        asking.links.forget_lives_but([])
        await asking.ask(b"PING")
        assert server.connections == 2
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        numbering = (b"EVALSHA", b"sha", 0, ANY_LIFE)
        command = Command(numbering, 1, answer.set_result, takes_life=True)
        asking.links.send(asking.address, command)
        await asyncio.wait_for(answer, 5)
        assert server.connections == 4
        assert [asked[-1] for asked in server.asked if asked[0] == b"EVALSHA"] != [ANY_LIFE]
        await asking.links.close()


async def test_who_fails_the_look_is_given_nothing() -> None:
    """Neither scripts nor commands: it is as if nobody was there, and the reason is told."""

    async def refuse(_address: Address, _lanes: Lanes) -> None:
        raise ServerError("it keeps nothing")

    async with acting(ActingServer(lambda _: None)) as server:
        asking = Asking(server.port)
        asking.links.check = refuse
        answer = await asking.ask(b"PING")
        assert isinstance(answer, ServerError)
        assert asking.absent == 1
        assert server.count(b"SCRIPT") == server.count(b"PING") == 0
        await asking.links.close()


async def test_closing_ends_what_is_being_opened() -> None:
    """Who waits for a connection to a server that says nothing is told so at once."""
    silent = ActingServer(lambda asked: b"" if asked[0] == b"INFO" else None)
    async with acting(silent) as server:
        asking = Asking(server.port)
        waiting = asyncio.create_task(asking.ask(b"PING"))
        async with asyncio.timeout(5):
            while not server.count(b"INFO"):  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.01)
        await asking.links.close()
        assert isinstance(await waiting, ConnectionLost)
