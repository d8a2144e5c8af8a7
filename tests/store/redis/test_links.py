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
from hushpost_store.redis.command import Answer, Command, ConnectionLost
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
