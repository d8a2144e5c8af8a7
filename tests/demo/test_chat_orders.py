"""Tests of the chat's slash commands on real clients."""

from hushpost_demo.chat_lines import ORDERS
from hushpost_demo.chat_orders import ChatOrders

from tests.demo.test_chat import chatting
from tests.demo.typing_hands import Vaults


async def test_every_order_is_obeyed(vaults: Vaults) -> None:
    """Lists, turning to somebody, safety numbers, marks, refusals and blocks, by name or not."""
    async with (
        chatting(vaults, "alice") as (alice, _),
        chatting(vaults, "eve") as (eve, _eve),
        chatting(vaults, "bob") as (bob, client),
    ):
        await bob.shows("online")
        for script in (alice, eve):
            script.press(f"/add {client.address}", "hello")
        await bob.shows("alice knocks")
        await bob.shows("eve knocks")
        bob.press("/accept", "/contacts")
        await bob.shows("!! more than one knocks")
        await bob.shows("eve (knocks)")
        bob.press("/decline eve", "/accept alice", "/to alice")
        await bob.shows("eve is turned away")
        await bob.shows("you write to alice")
        bob.press("/safety alice", "/verify", "/again", "/contacts")
        await bob.shows("0 unconfirmed messages to alice go out again")
        bob.press("/block", "/address")
        await bob.shows("compare by another way with alice")
        await bob.shows("alice is verified")
        await bob.shows(", verified)")
        await bob.shows("alice is blocked")
        await bob.shows("your address")
        foreign = str(_eve.address).replace("127.0.0.1", "localhost")
        alice.press(f"/add {foreign}", f"/add {foreign} trust")
        await alice.shows("is not yours and would see your IP")
        await alice.shows("you write to")


def test_every_listed_order_exists() -> None:
    """The table that `/help` prints and the orders that are obeyed agree."""
    obeyed = {f"/{name}" for name in ChatOrders.NAMES} | {"/help", "/quit"}
    assert {name for name, _, _ in ORDERS} == obeyed
