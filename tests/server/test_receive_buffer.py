"""Tests of the buffer that all connections receive into."""

from hushpost_server.receive_buffer import ReceiveBuffer


def test_what_was_taken_is_nowhere_in_the_buffer() -> None:
    """The bytes come out whole, and zeros stand where they were."""
    buffer = ReceiveBuffer(64)
    buffer.memory[:6] = b"secret"
    assert buffer.take(6) == b"secret"
    assert bytes(buffer.memory) == bytes(64)


def test_what_was_taken_stays_what_it_was() -> None:
    """The next read changes nothing about the one before."""
    buffer = ReceiveBuffer(64)
    buffer.memory[:3] = b"one"
    first = buffer.take(3)
    buffer.memory[:3] = b"two"
    assert (first, buffer.take(3)) == (b"one", b"two")
