"""After delivery and acknowledgement nothing of an envelope is left in the relay's files."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hushpost import Client, Contact, ContactStage, KnockReceived, MessageReceived
from hushpost_proof.harness.capture import read_capture
from hushpost_proof.harness.hunt import hunt_ciphertext
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess, relay_process
from hushpost_proof.harness.waiting import until

# docs/policy.md: what is acknowledged is gone from database and log within this time.
DELETION_SECONDS_MAX = 30.0
WAITING = 30
KEYS = {name: name.encode() * 8 for name in ("anna", "bert", "cara")}


@dataclass(frozen=True, slots=True)
class Scene:
    """Anna writes to Bert and Cara through a relay whose wire is recorded."""

    folder: Path
    proxy: RecordingProxy
    relay: RelayProcess

    async def client(self, name: str) -> Client:
        """Open a person's client, making the account the first time."""
        path = self.folder / f"{name}.vault"
        if path.exists():
            return await Client.open(path, key=KEYS[name])
        return await Client.create(path, relay=self.proxy.url, key=KEYS[name], name=name)

    def submitted(self) -> set[bytes]:
        """Return every envelope that was posted until now."""
        return {submit.envelope for submit in read_capture(self.folder / "wire").submits}

    def busiest(self, envelopes: set[bytes]) -> set[bytes]:
        """Return those of them that went to the mailbox which got most of them.

        A receipt for somebody else may have been posted in between, up to five seconds late.
        """
        routes: dict[bytes, set[bytes]] = {}
        for submit in read_capture(self.folder / "wire").submits:
            if submit.envelope in envelopes:
                routes.setdefault(bytes(submit.route), set()).add(submit.envelope)
        return max(routes.values(), key=len)

    def hunt(self, envelopes: set[bytes]) -> set[bytes]:
        """Return those of which the relay's files hold anything."""
        return hunt_ciphertext(self.relay.data_folder, envelopes)


@asynccontextmanager
async def scene(folder: Path, *arguments: str) -> AsyncGenerator[Scene]:
    """Run the proxy and, with these arguments, the relay."""
    async with (
        RecordingProxy(folder / "wire") as proxy,
        relay_process(folder, public_host=proxy.host, arguments=arguments) as relay,
    ):
        proxy.lead_to(relay.port)
        yield Scene(folder, proxy, relay)


async def meet(anna: Client, other: Client) -> Contact:
    """Have Anna and somebody be contacts."""
    contact = await anna.add_contact(await other.create_invitation())
    first = await anna.send(contact, "hello")
    async for event in other.events():
        if isinstance(event, KnockReceived):
            await other.accept(event.knock)
        if isinstance(event, MessageReceived):
            await other.consume(event)
            break
    await first.reached("delivered", timeout=60)
    await until(lambda: anna.contact(contact.address).stage is ContactStage.OPEN, 20)
    return anna.contact(contact.address)


async def read(client: Client, count: int) -> None:
    """Read so many messages."""
    async with asyncio.timeout(60):
        async for event in client.events():
            count -= isinstance(event, MessageReceived)
            if not count:
                await client.consume(event)
                return


@pytest.mark.timeout(300)
async def test_acknowledged_envelopes_leave_the_files_in_time(tmp_path: Path) -> None:
    """What Bert fetched is gone within 30 seconds under load; what waits for Cara is found."""
    async with scene(tmp_path) as stage, await stage.client("anna") as anna:
        contacts: dict[str, Contact] = {}
        for name in ("bert", "cara"):
            async with await stage.client(name) as other:
                contacts[name] = await meet(anna, other)
        before = stage.submitted()
        sent = [await anna.send(contacts["bert"], text(number)) for number in range(WAITING)]
        await asyncio.gather(*(one.reached("accepted", timeout=60) for one in sent))
        for_bert = stage.busiest(stage.submitted() - before)
        kept = [await anna.send(contacts["cara"], text(number)) for number in range(5)]
        await asyncio.gather(*(one.reached("accepted", timeout=60) for one in kept))
        for_cara = stage.submitted() - before - for_bert
        # Each waits on the disk, or the hunt would prove nothing.
        assert await asyncio.to_thread(stage.hunt, for_bert | for_cara) == for_bert | for_cara

        async with await stage.client("bert") as bert:
            await read(bert, WAITING)
            await asyncio.gather(*(one.reached("delivered", timeout=60) for one in sent))
            acknowledged_at = time.monotonic()
            load = asyncio.create_task(keep_talking(anna, contacts["bert"]))
            while left := await asyncio.to_thread(stage.hunt, for_bert):
                took = time.monotonic() - acknowledged_at
                assert took < DELETION_SECONDS_MAX, f"{len(left)} envelopes left after {took:.0f} s"
                await asyncio.sleep(1)
            load.cancel()
        assert await asyncio.to_thread(stage.hunt, for_cara) == for_cara


async def keep_talking(anna: Client, contact: Contact) -> None:
    """Keep the relay's store busy."""
    number = 0
    while True:
        number += 1
        await anna.send(contact, text(number))
        await asyncio.sleep(0.1)


def text(number: int) -> str:
    """Return a text of either bucket, so that sizes are mixed."""
    return f"message {number} " * (200 if number % 3 == 0 else 5)


def test_a_planted_remnant_is_found(tmp_path: Path) -> None:
    """Eighty bytes of a deleted envelope in the middle of a page are enough to be found."""
    gone, other = bytes(range(256)) * 16, bytes(range(255, -1, -1)) * 16
    page = bytes(1_000) + gone[1_717:1_797] + bytes(3_000)
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay" / "relay.db-wal").write_bytes(page)
    assert hunt_ciphertext(tmp_path, [gone, other]) == {gone}
    (tmp_path / "relay" / "relay.db-wal").write_bytes(bytes(4_096))
    assert hunt_ciphertext(tmp_path, [gone, other]) == set()
