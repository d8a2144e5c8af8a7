"""Tests of asking a Redis server: every kind of answer is read, and every failure is named."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from hushpost_demo.errors import RedisSilent
from hushpost_demo.redis_questions import RedisQuestions, asking, blob, items, number
from hushpost_demo.redis_servers import RedisServer, is_installed, redis_server

from tests.conftest import require_or_skip


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[RedisServer]:
    """Run a server."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with redis_server(tmp_path) as running:
        yield running


async def test_what_is_stored_is_answered(server: RedisServer) -> None:
    """Strings of any bytes, numbers, lists, nothing, and an error by its words."""
    every_byte = bytes(range(256)) * 64 + b"\r\n"
    async with asking(server) as questions:
        assert await questions.ask(b"SET", b"key", every_byte) == b"OK"
        assert await questions.ask(b"GET", b"key") == every_byte
        assert await questions.ask(b"GET", b"other") is None
        assert await questions.ask(b"HSET", b"hash", b"field", 7) == 1
        assert await questions.ask(b"HGETALL", b"hash") == [b"field", b"7"]
        assert await questions.ask(b"EVAL", b"return {1, {2, 'x'}, false}", 0) == [
            1,
            [2, b"x"],
            None,
        ]
        with pytest.raises(RedisSilent, match="Redis refuses: WRONGTYPE"):
            await questions.ask(b"GET", b"hash")
        assert await questions.ask(b"PING") == b"PONG"


async def test_a_dead_server_is_no_empty_answer(server: RedisServer) -> None:
    """Neither where it dies under a connection nor where nothing listens."""
    async with asking(server) as questions:
        server.kill()
        with pytest.raises(RedisSilent):
            await questions.ask(b"PING")
    with pytest.raises(RedisSilent, match="no Redis listens"):
        async with asking(server):
            pass


async def test_silence_has_an_end(server: RedisServer) -> None:
    """A server that says nothing is given up."""
    async with asking(server) as questions:
        with pytest.raises(RedisSilent, match="does not answer"):
            await questions.hear(0.05)


@pytest.mark.parametrize(
    ("reads", "answer"), [(blob, 7), (number, b"7"), (items, None), (blob, None)]
)
def test_an_answer_of_another_kind_is_refused(
    reads: Callable[[object], object], answer: object
) -> None:
    """Nothing is made of it."""
    with pytest.raises(RedisSilent):
        reads(answer)
    assert blob(b"x") == b"x"
    assert number(7) == 7
    assert items([1]) == [1]


async def test_what_is_no_redis_is_refused() -> None:
    """Another protocol's words are an error, not an answer."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 400 Bad Request\r\n")
    stranger = RedisQuestions.__new__(RedisQuestions)
    stranger._reader = reader  # pyright: ignore[reportPrivateUsage]  no server of ours says this
    with pytest.raises(RedisSilent, match="Redis refuses"):
        await stranger.hear(1)
