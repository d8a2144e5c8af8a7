"""No repr of any secret state shows a byte of it."""

from dataclasses import fields, is_dataclass

from hushpost_crypto.concealed import Concealed

from tests.crypto.pairwise_world import Device, met


def _walk(value: object) -> list[object]:
    """Give a value and everything it holds."""
    found = [value]
    if is_dataclass(value):
        for field in fields(value):
            found += _walk(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for part in value:  # pyright: ignore[reportUnknownVariableType]  # anything may be inside
            found += _walk(part)  # pyright: ignore[reportUnknownArgumentType]
    return found


def test_repr_is_the_name_alone() -> None:
    """A concealed value shows its type."""

    class Something(Concealed):
        pass

    assert repr(Something()) == "<Something: secret>"


def test_a_book_shows_nothing() -> None:
    """A whole book, and all state in it, shows none of its keys."""
    alice, bob = met()
    lost = alice.send(bob)
    decrypted = alice.pass_on(bob, b"what was said")
    alice.start(bob)
    parts = _walk(bob.book(alice)) + _walk(alice.book(bob)) + [decrypted]
    secrets = [part for part in parts if isinstance(part, bytes) and len(part) >= 32]
    assert len(secrets) > 20
    state = bob.book(alice).sessions[0].ratchet
    assert state.receiving is not None
    assert state.receiving.skipped, lost
    shown = " ".join(repr(part) for part in parts if isinstance(part, Concealed))
    shown += repr(dict(state.receiving.skipped))
    assert "what was said" not in shown
    public = alice.book(bob).sessions[0].unanswered
    for secret in secrets:
        assert secret.hex() not in shown
        assert repr(secret)[2:20] not in shown, public


def test_a_local_device_shows_no_identity_secret() -> None:
    """The identity secret is not in the repr of the device that holds it."""
    alice = Device("alice")
    seed = alice.local.identity_key.seed
    assert repr(seed)[2:-1] not in repr(alice.local)
    assert seed.hex() not in repr(alice.local)
