"""A recorded client at work: it makes its vault, meets a peer, writes and reads, dies and returns.

    python -m hushpost_proof.power.defects DEFECT hushpost_proof.power.vault_scene LIFE
        VAULT RELAY-URL MEETING-FOLDER LOG SEED TEXTS

is one life of the client: the real library in a process of its own. Peer and relay are real and not
recorded. What the client tells its app is put into the tape in the moment in which it is told.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hushpost import Client
from hushpost.contacts import ContactStage
from hushpost.events import KnockReceived, MessageReceived
from hushpost.vault import Vault
from hushpost.vault_header import KeychainKey

from hushpost_proof.harness.person import hurry, leave
from hushpost_proof.harness.relay_process import relay_process
from hushpost_proof.harness.waiting import until
from hushpost_proof.power.recording import Tape, note, note_folder, read_tape, recorded

KEY = bytes(range(32))
NEW_KEY = bytes(range(32, 64))
ADDRESS, SENT, READ, REKEYED = "address", "sent", "read", "rekeyed"
WAIT_SECONDS_MAX = 60.0
TEXT_BYTES = (10, 200, 3_000, 9_000)


@dataclass(frozen=True, slots=True)
class VaultScene:
    """What happened, and the vault's path in the watched folder; its own folder is made there."""

    tape: Tape
    vault: str = "home/person.vault"


async def play_client(
    folder: Path, library: Path, chance: random.Random, texts: int, *, defect: str = "none"
) -> VaultScene:
    """Let a client live twice, write `texts` texts in each life, and change its key in the end."""
    watched, log, meeting = folder / "disk", folder / "tape", folder / "meeting"
    for made in (watched, meeting):
        made.mkdir(parents=True)
    note_folder(log, watched)
    scene = VaultScene(Tape(watched, ()))
    environment = {**os.environ, **recorded(library, watched, log)}
    vault = watched / scene.vault

    async with relay_process(folder) as relay:
        peer = await Client.create(folder / "peer.vault", relay=relay.url, key=KEY, name="peer")
        async with peer:

            async def start(life: str) -> asyncio.subprocess.Process:
                return await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "hushpost_proof.power.defects", defect),
                    *("hushpost_proof.power.vault_scene", life, str(vault), relay.url),
                    *(str(meeting), str(log), str(chance.random()), str(texts)),
                    env=environment,
                )

            talking = asyncio.create_task(_answer(peer))
            try:
                first = await start("first")
                await _meet(peer, meeting, chance, texts)
                await until((meeting / "first").exists, WAIT_SECONDS_MAX)
                await asyncio.sleep(chance.uniform(0, 0.05))
                first.send_signal(signal.SIGKILL)
                await first.wait()
                second = await start("second")
                assert await asyncio.wait_for(second.wait(), WAIT_SECONDS_MAX) == 0
            finally:
                talking.cancel()
                with suppress(asyncio.CancelledError):
                    await talking
    return VaultScene(read_tape(watched, log))


async def _meet(peer: Client, meeting: Path, chance: random.Random, texts: int) -> None:
    invitation = meeting / "invitation"
    await until(invitation.exists, WAIT_SECONDS_MAX)
    contact = await peer.add_contact(invitation.read_text())
    await peer.send(contact, "it is me")
    await until(lambda: _is_open(peer), WAIT_SECONDS_MAX)
    for number in range(texts):
        await peer.send(peer.contacts()[0], _text(chance, number))


async def _answer(peer: Client) -> None:
    """Answer now and then, so that the direction changes."""
    count = 0
    async for event in peer.events():
        if isinstance(event, MessageReceived):
            count += 1
            if count % 3 == 0:
                await peer.send(event.contact, f"answer {count}")


def _is_open(client: Client) -> bool:
    return [one.stage for one in client.contacts()] == [ContactStage.OPEN]


def _text(chance: random.Random, number: int) -> str:
    return f"{number}: " + chance.randbytes(chance.choice(TEXT_BYTES) // 2).hex()


# -- within the recorded process -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Life:
    client: Client
    log: Path
    chance: random.Random
    texts: int

    async def read(self) -> None:
        """Say which message was read, when the library has been told so."""
        before = ""
        async for event in self.client.events():
            if before:
                note(self.log, f"{READ} {before}")
            before = event.message_id if isinstance(event, MessageReceived) else ""
            if isinstance(event, KnockReceived) and event.knock in self.client.knocks():
                await self.client.accept(event.knock)

    async def write(self) -> None:
        """Write to the one contact."""
        await until(lambda: _is_open(self.client), WAIT_SECONDS_MAX)
        for number in range(self.texts):
            message = await self.client.send(self.client.contacts()[0], _text(self.chance, number))
            note(self.log, f"{SENT} {message.message_id}")
            await asyncio.sleep(self.chance.uniform(0, 0.02))


async def _live(
    life: str, vault: Path, relay: str, meeting: Path, log: Path, rest: Sequence[str]
) -> None:
    chance, texts = random.Random(f"{rest[0]} {life}"), int(rest[1])
    if life == "first":
        # As an app does for a person who is new here.
        await asyncio.to_thread(vault.parent.mkdir)
        client = await Client.create(vault, relay=relay, key=KEY, name="person")
        leave(meeting / "invitation", await client.create_invitation())
        note(log, f"{ADDRESS} {client.address}")
    else:
        client = await Client.open(vault, key=KEY)
    async with client:
        own = _Life(client, log, chance, texts)
        reading = asyncio.create_task(own.read())
        await own.write()
        await client.settled(timeout=WAIT_SECONDS_MAX)
        (meeting / life).touch()
        if life == "first":
            # Goes on reading, and is killed.
            await asyncio.sleep(WAIT_SECONDS_MAX)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    async with await Vault.open(vault, KeychainKey(KEY)) as opened:
        await opened.change_secret(KeychainKey(KEY), KeychainKey(NEW_KEY))
        note(log, REKEYED)


def main(arguments: Sequence[str]) -> int:
    """Live one life."""
    life, vault, relay, meeting, log, *rest = arguments
    hurry()
    asyncio.run(_live(life, Path(vault), relay, Path(meeting), Path(log), rest))
    return 0
