"""The edge to redis-py: answers, failures as values, and lost connections."""

import pytest
from hushpost_demo.redis_servers import RedisServer
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ConnectionLost, Redirected, ServerError
from hushpost_store.redis.connection import ServerConnection, slot_of
from hushpost_store.redis.url import RedisUrl
from redis.crc import key_slot

from tests.store.redis.conftest import greeting, stand_in


def _connection(port: int, user: str = "") -> ServerConnection:
    return ServerConnection(
        RedisUrl.parse(f"redis://{user}127.0.0.1:{port}"), Address("127.0.0.1", port), 1.0
    )


async def test_commands_go_out_together_and_answers_come_in_order(
    running_server: RedisServer,
) -> None:
    """Numbers, bytes, lists, nothing, and a failure that does not end the connection."""
    connection = _connection(running_server.port)
    await connection.open()
    await connection.write(
        [(b"PING",), (b"ECHO", b"\x00\xff"), (b"NOSUCH", b"secret"), (b"GET", b"none")], 1.0
    )
    answers = [await connection.read(1.0) for _ in range(4)]
    assert answers[0] == b"PONG"
    assert answers[1] == b"\x00\xff"
    assert isinstance(answers[2], ServerError)
    assert "secret" not in str(answers[2])
    assert answers[3] is None
    await connection.close()


@pytest.mark.parametrize(
    ("line", "word", "target"),
    [
        (b"-MOVED 7 10.0.0.1:6380\r\n", "MOVED", "10.0.0.1:6380"),
        (b"-ASK 7 10.0.0.1:6380\r\n", "ASK", "10.0.0.1:6380"),
        (b"-TRYAGAIN Multiple keys\r\n", "TRYAGAIN", ""),
        (b"-NOSCRIPT No matching script\r\n", "NOSCRIPT", ""),
    ],
)
async def test_what_passes_is_told_apart(line: bytes, word: str, target: str) -> None:
    """A redirection keeps its word and where it points."""
    async with stand_in(lambda _: line) as port:
        # redis-py's own greeting fails here, as at a server that is no Redis.
        with pytest.raises(ConnectionLost):
            await _connection(port).open()
    async with stand_in(lambda data: line if b"PING" in data else greeting(data)) as port:
        connection = _connection(port)
        await connection.open()
        await connection.write([(b"PING",)], 1.0)
        answer = await connection.read(1.0)
        await connection.close()
    assert isinstance(answer, Redirected)
    assert (answer.word, answer.target) == (word, target)


async def test_silence_and_absence_are_lost_connections() -> None:
    """Who does not answer in time, or is not there, is named without quoting anything."""
    with pytest.raises(ConnectionLost, match="cannot reach Redis"):
        await _connection(1, user="u:secret@").open()
    async with stand_in(greeting) as port:
        connection = _connection(port)
        await connection.open()
        with pytest.raises(ConnectionLost):
            await connection.read(0.01)
        await connection.close()
        with pytest.raises(ConnectionLost):
            await connection.write([(b"PING",)], 0.0)


def test_a_tag_decides_the_slot() -> None:
    """Keys of one tag share a slot; the slot is that of the published example."""
    assert slot_of(b"{a}:x") == slot_of(b"{a}:y")
    assert slot_of(b"123456789") == 12_739
    names = (b"{}x", b"a{b}c{d}", b"{unclosed", b"}{x}", b"", b"{{x}}", b"plain", b"\xff{\x00}")
    assert [slot_of(name) for name in names] == [key_slot(name) for name in names]
