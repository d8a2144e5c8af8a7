"""One connection: order, and what becomes of what was asked when it ends."""

import asyncio

import pytest
from hushpost_demo.redis_servers import RedisServer, cli
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import ANY_LIFE, Answer, Command, ConnectionLost, OnAnswer
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.node_link import TAUGHT_BYTES_MAX, NodeLink
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.acting_server import ActingServer, acting
from tests.store.redis.conftest import greeting, stand_in


def _link(port: int, lost: list[NodeLink], answer_seconds_max: float = 1.0) -> NodeLink:
    url = RedisUrl.parse(f"redis://127.0.0.1:{port}")
    connection = ServerConnection(url, Address("127.0.0.1", port), 1.0)
    return NodeLink(connection, answer_seconds_max, lost.append)


def _last(answers: list[Answer], done: asyncio.Event) -> OnAnswer:
    """Note an answer, and that it was the last one."""

    def answered(answer: Answer) -> None:
        answers.append(answer)
        done.set()

    return answered


async def test_answers_come_in_the_order_of_the_commands(running_server: RedisServer) -> None:
    """A thousand commands of one turn are answered each with its own."""
    link = _link(running_server.port, [])
    await link.open()
    answers: list[Answer] = []
    done = asyncio.Event()
    for number in range(1_000):
        link.send(Command((b"ECHO", b"%d" % number), None, answers.append))
    link.send(Command((b"PING",), None, lambda _: done.set()))
    await asyncio.wait_for(done.wait(), 10)
    assert answers == [b"%d" % number for number in range(1_000)]
    await link.close()


async def test_the_answer_to_asking_is_swallowed(running_server: RedisServer) -> None:
    """A command that goes where a slot is moving gets its own answer, and so does the next."""
    link = _link(running_server.port, [])
    await link.open()
    answers: list[Answer] = []
    done = asyncio.Event()
    last = _last(answers, done)
    link.send(Command((b"ECHO", b"a"), None, answers.append, ask=Address("x", 1)))
    link.send(Command((b"ECHO", b"b"), None, last))
    await asyncio.wait_for(done.wait(), 10)
    assert answers == [b"a", b"b"]
    await link.close()


async def test_a_server_that_falls_silent_loses_the_connection() -> None:
    """All that waits is told so once, in order, and later commands at once."""
    async with stand_in(lambda data: b"" if b"ECHO" in data else greeting(data)) as port:
        lost: list[NodeLink] = []
        link = _link(port, lost, answer_seconds_max=0.2)
        await link.open()
        answers: list[Answer] = []
        done = asyncio.Event()
        last = _last(answers, done)
        link.send(Command((b"ECHO", b"a"), None, answers.append))
        link.send(Command((b"ECHO", b"b"), None, last))
        await asyncio.wait_for(done.wait(), 10)
        link.send(Command((b"ECHO", b"c"), None, answers.append))
        assert [type(answer) for answer in answers] == [ConnectionLost] * 3
        assert lost == [link]
        assert not link.is_open
        await link.close()


async def test_closing_tells_what_waits(running_server: RedisServer) -> None:
    """Nothing is left hanging when a link is closed, and closing twice does nothing."""
    link = _link(running_server.port, [])
    await link.open()
    answers: list[Answer] = []
    link.send(Command((b"PING",), None, answers.append))
    await link.close()
    await link.close()
    assert [type(answer) for answer in answers] == [ConnectionLost]


async def test_nobody_there_is_said_at_opening() -> None:
    """Opening raises, and the link is of no use."""
    link = _link(1, [])
    with pytest.raises(ConnectionLost):
        await link.open()
    assert not link.is_open


async def test_who_fails_over_an_answer_keeps_nobody_from_theirs(
    running_server: RedisServer,
) -> None:
    """The failure is reported, and the next answer reaches who waits for it."""
    reported: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    link = _link(running_server.port, [])
    await link.open()
    answers: list[Answer] = []
    done = asyncio.Event()

    def fail(_answer: Answer) -> None:
        raise ZeroDivisionError

    link.send(Command((b"PING",), None, fail))
    link.send(Command((b"ECHO", b"b"), None, _last(answers, done)))
    await asyncio.wait_for(done.wait(), 10)
    assert answers == [b"b"]
    assert [type(error) for error in reported] == [ZeroDivisionError]
    await link.close()


async def test_what_comes_while_replicas_are_waited_for_is_one_group(
    running_server: RedisServer,
) -> None:
    """Turns that pass during a barrier share the next one, and nothing is told out of order."""
    url = RedisUrl.parse(running_server.url)
    connection = ServerConnection(url, Address("127.0.0.1", running_server.port), 1.0)
    # Nobody follows this server: it waits for as long as it may.
    link = NodeLink(connection, 1.0, lambda _: None, Barrier(1, 200, has_waitaof=False))
    await link.open()
    await cli("-p", str(running_server.port), "config", "resetstat")
    told: list[str] = []
    done = asyncio.Event()
    for name in "abcd":

        def durable(held: bool, name: str = name) -> None:
            told.append(f"{name} {held}")
            if name == "d":
                done.set()

        def answered(answer: Answer) -> None:
            told.append(str(answer))

        echo = (b"ECHO", name.encode())
        link.send(Command(echo, None, answered, on_durable=durable))
        await asyncio.sleep(0.01)
    await asyncio.wait_for(done.wait(), 5)
    assert told == [
        *("b'a'", "a False"),
        *("b'b'", "b'c'", "b'd'", "b False", "c False", "d False"),
    ]
    counted = await cli("-p", str(running_server.port), "info", "commandstats")
    assert "cmdstat_wait:calls=2," in counted
    await link.close()


@pytest.mark.parametrize("refusal", [None, b"-NOPERM not for you\r\n"])
async def test_each_script_is_taught_once(refusal: bytes | None) -> None:
    """A server that refuses them is told of by who uses one; the connection stays of use."""
    server = ActingServer(lambda asked: refusal if asked[0] == b"SCRIPT" else None)
    async with acting(server):
        link = _link(server.port, [])
        await link.open()
        await link.teach_calmly()
        texts = [asked[2] for asked in server.asked if asked[:2] == [b"SCRIPT", b"LOAD"]]
        assert texts == [script.text for script in all_scripts().values()]
        assert link.is_open
        await link.close()


async def test_no_more_is_taught_than_a_server_reads_at_once() -> None:
    """Until it has answered, so that its buffer stays small; silence ends the connection."""
    server = ActingServer(lambda asked: b"" if asked[0] == b"SCRIPT" else None)
    async with acting(server):
        link = _link(server.port, [], answer_seconds_max=0.2)
        await link.open()
        with pytest.raises(ConnectionLost):
            await link.teach_calmly()
        asked = sum(len(asked[2]) for asked in server.asked if asked[0] == b"SCRIPT")
        assert TAUGHT_BYTES_MAX / 4 < asked <= TAUGHT_BYTES_MAX
        await link.close()


async def test_who_numbers_envelopes_is_told_the_servers_life() -> None:
    """The one that it had when this was connected; while it may be a replica, none."""
    async with acting(ActingServer(lambda _: None)) as server:
        link = _link(server.port, [])
        await link.open()
        for life in (link.life, None):
            link.life = life
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            numbering = (b"EVALSHA", b"sha", 0, ANY_LIFE)
            link.send(Command(numbering, None, answer.set_result, takes_life=True))
            await asyncio.wait_for(answer, 5)
            assert server.asked[-1][-1] == (life or ANY_LIFE)
        await link.close()


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    """From then on answers would reach those who asked something else."""
    lost: list[NodeLink] = []
    twice = ActingServer(lambda asked: b"+A\r\n+B\r\n" if asked[0] == b"ECHO" else None)
    async with acting(twice) as server:
        link = _link(server.port, lost)
        await link.open()
        answers: list[Answer] = []
        link.send(Command((b"ECHO", b"a"), None, answers.append))
        async with asyncio.timeout(5):
            while not lost:  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(0.01)
        assert answers == [b"A"]
        await link.close()


async def test_silence_is_counted_while_something_waits() -> None:
    """Who asks nothing is not kept waiting."""
    async with stand_in(lambda data: b"" if b"ECHO" in data else greeting(data)) as port:
        link = _link(port, [], answer_seconds_max=5.0)
        await link.open()
        await asyncio.sleep(0.05)
        assert link.silent_seconds == 0.0
        link.send(Command((b"ECHO", b"a"), None, lambda _: None))
        await asyncio.sleep(0.1)
        assert 0.05 < link.silent_seconds < 5.0
        await link.close()
