"""Errands are done while the relay is there, kept while it is not, and fetches stand apart."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hushpost import Connection, SafetyAlarm
from hushpost.engine import errands, relay_errands
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.errand_runner import fetch_chain
from hushpost.errors import RelayUnreachable, VaultFull
from hushpost_wire.control import Error, ErrorCode
from hushpost_wire.identifiers import AccountId

from tests.client_lib.client_world import (
    again,
    befriend,
    inside,
    own,
    person,
    relay,
    silence,
    tampered_relay,
    until,
)


async def test_an_errand_of_an_offline_hour_is_done_later(tmp_path: Path) -> None:
    """A block without a relay is durable, and the drop is revoked when the relay is back."""
    async with tampered_relay() as (proxy, url), await person(tmp_path, "bob", url) as bob:
        async with await person(tmp_path, "alice", url) as alice:
            contact, _ = await befriend(alice, bob)
            assert await alice.settled(timeout=60)
            await proxy.stop()
            await proxy.cut()
            await alice.block(contact)
            assert not await alice.settled(timeout=0.2)
        await proxy.start()
        async with await again(tmp_path, "alice") as alice:
            assert await alice.settled(timeout=60)
        (contact,) = bob.contacts()
        message = await bob.send(contact, "hello?")
        await until(lambda: message.state == "refused")


async def test_lists_are_fetched_by_themselves(tmp_path: Path) -> None:
    """An errand for a contact's lists is done, and nothing new makes no alarm."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        steps = inside(alice).steps
        errand = Errand(ErrandKind.FETCH_LISTS, contact.account_id)
        await steps.run(errands.queue, errand)
        await inside(alice).errands.done(errand.key)
        stranger = Errand(ErrandKind.FETCH_LISTS, bytes(32))
        await steps.run(errands.queue, stranger)
        assert await alice.settled(timeout=60)
        await silence(alice, SafetyAlarm)
        office = inside(alice).office
        pages = await fetch_chain(office, bob.address.host, own(bob).account_id, 0)
        assert not isinstance(pages, Error)
        assert [data for page in pages for data in page.lists] == [own(bob).list_bytes]
        missing = await fetch_chain(office, bob.address.host, AccountId(bytes(32)), 0)
        assert isinstance(missing, Error)
        assert missing.code is ErrorCode.NO_ACCOUNT


async def test_a_fetch_that_fails_is_put_off_and_holds_up_nothing(tmp_path: Path) -> None:
    """While post connections fail, inbox errands go on; the fetch is done when they are back."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        assert await alice.settled(timeout=60)
        proxy.tamper = lambda path, message: [message] if "inbox" in path else ["nonsense"]
        steps = inside(alice).steps
        errand = Errand(ErrandKind.FETCH_LISTS, contact.account_id)
        await steps.run(errands.queue, errand)

        def attempts() -> int:
            found = steps.look(errands.find_errand, errand.key)
            return 0 if found is None else found.attempts

        await until(lambda: attempts() == 1)
        assert "hushpost://" in await alice.create_invitation()
        proxy.tamper = lambda _, message: [message]
        assert await alice.settled(timeout=60)


def fail_first(function: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """Let the first call raise `error`; later ones do what the function does."""
    errors = [error]

    def run(*arguments: Any, **more: Any) -> Any:
        if errors:
            raise errors.pop()
        return function(*arguments, **more)

    return run


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("request_for", RuntimeError("a fault"), True),
        ("request_for", VaultFull("no room"), False),
        ("list_answer", RuntimeError("a fault"), True),
        ("list_answer", VaultFull("no room"), False),
    ],
)
async def test_a_fault_is_told_and_the_errand_done_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, told: bool
) -> None:
    """Whatever one errand meets, the task lives on and the errand is done when it can be."""
    monkeypatch.setattr("hushpost.errand_runner.VAULT_RETRY_SECONDS", 0.05)
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        assert await alice.settled(timeout=60)
        failing = fail_first(getattr(relay_errands, name), error)
        monkeypatch.setattr(relay_errands, name, failing)
        steps = inside(alice).steps
        errand = Errand(ErrandKind.FETCH_LISTS, contact.account_id)
        await steps.run(errands.queue, errand)
        assert "hushpost://" in await alice.create_invitation()
        assert await alice.settled(timeout=60)
    assert [context.get("exception") for context in faults] == ([error] if told else [])


async def test_an_invitation_without_a_relay_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that leads nowhere is not handed out; the error says why."""
    monkeypatch.setattr("hushpost.client.PUBLISH_SECONDS_MAX", 0.3)
    async with tampered_relay() as (proxy, url), await person(tmp_path, "alice", url) as alice:
        await alice.online()
        await proxy.stop()
        await proxy.cut()
        await until(lambda: alice.connection is not Connection.ONLINE)
        with pytest.raises(RelayUnreachable, match="another when you are connected"):
            await alice.create_invitation()
