"""Tests of waiting for a knock that may still lie at the relay."""

import asyncio

from hushpost import Client
from hushpost_demo.knock_arrival import knock_came

from tests.demo.typing_hands import PASSPHRASE, Vaults


async def test_it_returns_with_the_knock_or_the_time(vaults: Vaults) -> None:
    """A knock that comes ends the wait; without one it ends by itself."""
    async with (
        await Client.create(vaults.path("a"), relay=vaults.relay, passphrase=PASSPHRASE) as alice,
        await Client.create(
            vaults.path("b"), relay=vaults.relay, passphrase=PASSPHRASE, name="b"
        ) as bob,
    ):
        await alice.online()
        await alice.settled(timeout=60)
        await knock_came(alice, "b", 0.1)
        assert alice.knocks() == []
        waiting = asyncio.create_task(knock_came(alice, "b", 20))
        await bob.send(await bob.add_contact(alice.address), "hello")
        await waiting
        assert [knock.name for knock in alice.knocks()] == ["b"]
