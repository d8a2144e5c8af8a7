"""A command's answer, and who waits for it."""

import asyncio

import pytest
from hushpost_store.redis.command import Command, ConnectionLost, Redirected, into


async def test_an_answer_reaches_who_waits() -> None:
    """A result is returned and a fault raised."""
    good: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    bad: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    into(good)(7)
    into(bad)(ConnectionLost("gone"))
    assert await good == 7
    with pytest.raises(ConnectionLost):
        await bad


async def test_who_gave_up_is_not_disturbed() -> None:
    """An answer that comes after its future was cancelled goes nowhere."""
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.cancel()
    into(future)(7)
    assert future.cancelled()


def test_a_command_knows_its_size_and_a_redirection_its_target() -> None:
    """The size is what waits in memory; a redirection keeps word and place alone."""
    command = Command((b"SET", b"k", 5), 1, lambda _: None)
    assert command.packed == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n"
    assert command.size == len(command.packed)
    moved = Redirected("MOVED", "h:1")
    assert (moved.word, moved.target, str(moved)) == ("MOVED", "h:1", "the server answered MOVED")


def test_who_stands_between_is_given_the_answer_first() -> None:
    """Without anybody the answer goes to who asked; with somebody it is theirs to hand on."""
    told: list[object] = []
    command = Command((b"PING",), 1, told.append)
    command.answer(1)
    command.via = lambda asked, answer: asked.on_answer([answer])
    command.answer(2)
    assert told == [1, [2]]
