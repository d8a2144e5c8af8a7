"""No repr of any secret state shows a byte of it."""

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import hushpost_crypto
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
            found += _walk(part)  # pyright: ignore[reportUnknownArgumentType]  # any object
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


# Words in the name of a field that holds what nobody may read.
TELLING = ("secret", "seed", "chain_key", "message_key", "root_key", "header_key", "links", "body",
           "plaintext")  # fmt: skip


def _classes() -> list[type]:
    """Give every class of the package."""
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(hushpost_crypto.__path__):
        module = importlib.import_module(f"hushpost_crypto.{info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return list(found.values())


def _filled(kind: type) -> tuple[object, list[str]] | None:
    """Make a value of a dataclass with marks in all fields; gives it with the names that tell."""
    if not is_dataclass(kind):
        return None
    names = [field.name for field in fields(kind)]
    value: object = object.__new__(kind)
    for name in names:
        object.__setattr__(value, name, f"mark of {name}".encode())
    return value, [name for name in names if any(word in name for word in TELLING)]


def test_no_class_of_the_package_shows_a_secret_field() -> None:
    """Whatever field is named as a secret, no repr of any class has its bytes."""
    checked: list[str] = []
    shown: list[str] = []
    for kind in _classes():
        filled = _filled(kind)
        for name in filled[1] if filled else ():
            checked.append(f"{kind.__name__}.{name}")
            if f"mark of {name}" in repr(filled):
                shown.append(f"{kind.__name__}.{name}")
    assert len(checked) > 25
    assert shown == []
