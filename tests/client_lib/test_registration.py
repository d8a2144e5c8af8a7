"""An account is made at a relay once, and unmade for good (docs/spec/identity.md, 7)."""

from pathlib import Path

import pytest
from hushpost import registration
from hushpost.engine.own_account import OwnAccount
from hushpost.errors import (
    LoginRefused,
    RegistrationRefused,
    RelayMisbehaved,
    RelayUnreachable,
)
from hushpost.registration import (
    Way,
    create_at_relay,
    delete_at_relay,
    raise_creation_error,
)
from hushpost.transport_dial import Dial
from hushpost.transport_link import Link
from hushpost_crypto.primitives import random_bytes
from hushpost_wire.control import AccountCreated, Answer, Done, Error, ErrorCode
from hushpost_wire.host import Host

from tests.client_lib.client_world import own, person, relay
from tests.client_lib.engine.people import Person
from tests.client_lib.transport_people import MemoryPins


def _way(host: str) -> Way:
    return Way(Host(host), Dial(), MemoryPins(), random_bytes)


async def test_registering_twice_is_registering_once() -> None:
    """A try whose answer was lost is made again without harm."""
    someone = Person("someone", 7)
    async with relay() as server:
        for _ in range(2):
            await create_at_relay(_way(server.host), someone.own, token=None)


async def test_an_answer_that_was_lost_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A relay that dies with the answer on its lips leaves no account that nobody knows of."""
    someone = Person("someone", 7)
    real = registration._create  # pyright: ignore[reportPrivateUsage] - the one place that asks
    answers: list[Answer] = []

    async def lost_at_first(link: Link, own: OwnAccount, token: str | None) -> Answer:
        answers.append(await real(link, own, token))
        if len(answers) == 1:
            raise RelayUnreachable("it died behind its commit")
        return answers[-1]

    monkeypatch.setattr(registration, "_create", lost_at_first)
    monkeypatch.setattr(registration, "_ASK_AGAIN_SECONDS", (0.01, 0.01))
    async with relay() as server:
        await create_at_relay(_way(server.host), someone.own, token=None)
        assert [type(answer) for answer in answers] == [AccountCreated, AccountCreated]
        monkeypatch.setattr(registration, "_ASK_AGAIN_SECONDS", ())
        answers.clear()
        with pytest.raises(RelayUnreachable, match="before it answers"):
            await create_at_relay(_way(server.host), someone.own, token=None)


async def test_a_token_is_asked_for_and_taken() -> None:
    """Without or with a wrong one the error says what to pass; with it the account stands."""
    token = "0123456789abcdef0123456789abcdef"
    someone = Person("someone", 7)
    async with relay(registration="token", registration_tokens=(token,)) as server:
        for wrong in (None, "another-token-than-this"):
            with pytest.raises(RegistrationRefused, match="registration_token"):
                await create_at_relay(_way(server.host), someone.own, token=wrong)
        await create_at_relay(_way(server.host), someone.own, token=token)


async def test_deleting_is_for_good_and_for_the_owner(tmp_path: Path) -> None:
    """After it the same device cannot log in; an account that was never there neither."""
    async with relay() as server:
        client = await person(tmp_path, "alice", server.url)
        account = own(client)
        await client.close()
        way = _way(server.host)
        await delete_at_relay(way, account)
        with pytest.raises(LoginRefused, match="deleted"):
            await delete_at_relay(way, account)


def test_each_answer_has_its_error() -> None:
    """Closed, busy and nonsense are told apart; an account that exists is well."""
    host = Host("relay.example")
    raise_creation_error(host, Error(id=1, code=ErrorCode.ACCOUNT_EXISTS))
    with pytest.raises(RegistrationRefused, match="no new accounts"):
        raise_creation_error(host, Error(id=1, code=ErrorCode.REGISTRATION_CLOSED))
    with pytest.raises(RegistrationRefused, match="does not go by that name"):
        raise_creation_error(host, Error(id=1, code=ErrorCode.BAD_SIGNATURE))
    with pytest.raises(RelayUnreachable, match="a minute"):
        raise_creation_error(host, Error(id=1, code=ErrorCode.SLOW_DOWN))
    with pytest.raises(RelayMisbehaved):
        raise_creation_error(host, Done(id=1))
