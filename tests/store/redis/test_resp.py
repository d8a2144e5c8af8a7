"""Redis's protocol: what is written and what is read."""

import pytest
from hushpost_store.redis.resp import AnswerParser, Garbled, packed


def test_a_command_is_a_list_of_strings() -> None:
    """Numbers are written in decimal, bytes as they are."""
    assert packed((b"SET", b"\x00\r\n", -5)) == b"*3\r\n$3\r\nSET\r\n$3\r\n\x00\r\n\r\n$2\r\n-5\r\n"


def test_answers_come_as_soon_as_they_are_whole() -> None:
    """Whatever a read cuts, each answer comes once and in order."""
    sent = b"+OK\r\n:7\r\n$2\r\n\xff\x00\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n-ERR a b\r\n"
    wanted = [b"OK", 7, b"\xff\x00", None, [1, [b"x"]], "ERR a b"]
    for step in (1, 3, len(sent)):
        parser = AnswerParser(LookupError)
        found: list[object] = []
        for first in range(0, len(sent), step):
            found += parser.receive_data(sent[first : first + step])
        error = found[-1]
        assert isinstance(error, LookupError)
        assert [*found[:-1], str(error)] == wanted


def test_what_is_no_answer_is_said_so() -> None:
    """A stranger's greeting does not hang the connection."""
    with pytest.raises(Garbled):
        AnswerParser(LookupError).receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")
