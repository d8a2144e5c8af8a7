"""A recorded relay at work: people register, write, read, take prekeys, change their minds.

The relay is the real command in a process of its own, killed by signal 9 and started again on the
way. What it promised is read from the tape, not from here; the scene keeps only what the tape
cannot show, the secrets of the drops.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from hushpost_wire import transcripts
from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.control import (
    AccountCreated,
    DeleteAccount,
    Done,
    DropKind,
    Error,
    PrekeyCount,
    Prekeys,
    PublishDeviceList,
    PublishPrekeys,
    RevokeDrop,
    TakePrekeys,
    Welcome,
)
from hushpost_wire.frames import Accepted, Deliver, Refused, encode_submit
from hushpost_wire.identifiers import DropSecret, Signature, drop_hash
from hushpost_wire.limits import POST_PATH
from hushpost_wire.prekey_records import PrekeyKind, SealRecord
from hushpost_wire.ttl import TtlClass

from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_proof.harness.relay_process import NO_RATE_LIMITS, START_SECONDS_MAX, free_port
from hushpost_proof.power.recording import Tape, note, note_folder, read_tape, recorded

PEOPLE = 3
BURST_MAX = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """What happened: the tape, and the secret of every drop by its hash."""

    tape: Tape
    drop_secrets: dict[bytes, bytes]
    routes: dict[bytes, bytes]


@dataclass(slots=True)
class _Person:
    device: TestDevice
    drops: list[bytes] = field(default_factory=list[bytes])


class RelayScene:
    """One run. `defect` is planted in the relay; `steps` is how many things people do."""

    def __init__(
        self,
        folder: Path,
        library: Path,
        *,
        defect: str = "none",
        ending: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._watched = folder / "disk"
        self._log = folder / "tape"
        self._library = library
        self._defect = defect
        self._ending = ending
        self._port = free_port()
        self._url = f"ws://127.0.0.1:{self._port}"
        self._process: asyncio.subprocess.Process | None = None
        self._people: list[_Person] = []
        self._secrets: dict[bytes, bytes] = {}

    async def play(self, chance: random.Random, steps: int) -> Scene:
        """Let people do `steps` things, and return what was recorded."""
        self._watched.mkdir(parents=True)
        note_folder(self._log, self._watched)
        await self._start()
        try:
            for _ in range(PEOPLE):
                await self._register(chance)
            for number in range(steps):
                if number in (steps // 3, 2 * steps // 3):
                    await self._end(signal.SIGKILL if number == steps // 3 else signal.SIGTERM)
                    await self._start()
                await self._something(chance)
            await self._delete()
        finally:
            await self._end(self._ending)
        routes = {bytes(one.device.account_id): bytes(one.device.route) for one in self._people}
        return Scene(read_tape(self._watched, self._log), self._secrets, routes)

    # -- the process -----------------------------------------------------------------------------

    async def _start(self) -> None:
        environment = {
            **os.environ,
            **NO_RATE_LIMITS,
            **recorded(self._library, self._watched, self._log),
        }
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hushpost_proof.power.defects", self._defect),
            *("hushpost_server.command", "serve", "--json", "--metrics-port", "0"),
            *("--listen-port", str(self._port), "--data-folder", str(self._watched / "relay")),
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd=self._watched.parent,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS_MAX)
        assert json.loads(line)["url"] == self._url
        note(self._log, "started")

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        await process.communicate()
        note(self._log, "ended")

    # -- what people do --------------------------------------------------------------------------

    async def _register(self, chance: random.Random) -> None:
        person = _Person(TestDevice(self._url))
        person.device.lists = [person.device.make_list(1, NO_PREVIOUS, day=_today())]
        async with dial(self._url, "/v1/inbox") as wire:
            await wire.ask(person.device.creation(wire), AccountCreated)
            await wire.ask(person.device.login(wire), Welcome)
            for kind in (DropKind.CONTACT, DropKind.CONTACT, DropKind.ONCE, DropKind.KNOCK):
                await self._open_drop(person, wire, kind)
            await self._publish(person, wire, chance)
        self._people.append(person)

    async def _something(self, chance: random.Random) -> None:
        person = chance.choice(self._people)
        what = chance.choices(("post", "read", "manage", "take"), (8, 2, 3, 2))[0]
        if what == "post":
            await self._post(chance)
        elif what == "take":
            async with dial(self._url, POST_PATH) as wire:
                taken = TakePrekeys(id=wire.id(), account=person.device.account_id)
                await wire.ask(taken, Prekeys)
        else:
            async with dial(self._url, "/v1/inbox") as wire:
                await wire.ask(person.device.login(wire), Welcome)
                await (self._read if what == "read" else self._manage)(person, wire, chance)

    async def _post(self, chance: random.Random) -> None:
        """Post a burst and wait for all verdicts; a one-use drop may be used up."""
        async with dial(self._url, POST_PATH) as wire:
            burst = chance.randint(1, BURST_MAX)
            for request in range(1, burst + 1):
                person = chance.choice([one for one in self._people if one.drops])
                size = 16384 if chance.random() < 0.2 else 4096
                submit = envelope_for(
                    person.device.route,
                    chance.choice(person.drops),
                    request=request,
                    body=chance.randbytes(size),
                    ttl=TtlClass.FORTNIGHT,
                    now=time.time(),
                )
                await wire.socket.send(encode_submit(submit))
            answered = 0
            while answered < burst:
                verdict = await wire.receive()
                if isinstance(verdict, Accepted):
                    answered += len(verdict.requests)
                elif isinstance(verdict, Refused):
                    answered += 1

    async def _read(self, person: _Person, wire: Wire, chance: random.Random) -> None:
        """Take what comes at once, and acknowledge some of it."""
        deliveries: list[Deliver] = []
        try:
            async with asyncio.timeout(0.05):
                while True:
                    deliveries.append(await wire.wait_for(Deliver))
        except TimeoutError:
            pass
        read = [one for one in deliveries if chance.random() < 0.4]
        if read:
            await wire.acknowledge(*read)
        # The answer comes after the acknowledgement was read; not after its deletion.
        await self._open_drop(person, wire, DropKind.CONTACT)

    async def _manage(self, person: _Person, wire: Wire, chance: random.Random) -> None:
        what = chance.choice(("open", "revoke", "prekeys", "list"))
        if what == "revoke" and len(person.drops) > 1:
            secret = person.drops.pop(chance.randrange(len(person.drops)))
            hashed = drop_hash(person.device.route, DropSecret(secret))
            await wire.ask(RevokeDrop(id=wire.id(), drop_hash=hashed), Done)
        elif what == "prekeys":
            await self._publish(person, wire, chance)
        elif what == "list":
            await self._publish_list(person, wire)
        else:
            await self._open_drop(person, wire, chance.choice(list(DropKind)))

    async def _open_drop(self, person: _Person, wire: Wire, kind: DropKind) -> None:
        secret = await person.device.open_drop(wire, kind)
        self._secrets[drop_hash(person.device.route, DropSecret(secret))] = secret
        person.drops.append(secret)

    async def _publish(self, person: _Person, wire: Wire, chance: random.Random) -> None:
        device, today = person.device, _today()
        one_time = tuple(
            device.prekey(issue=today, expiry=today + 7) for _ in range(chance.randint(1, 6))
        )
        signed = device.prekey(PrekeyKind.SIGNED, issue=today, expiry=today + 7)
        seal = self._seal(device, today)
        publish = PublishPrekeys(id=wire.id(), one_time=one_time, signed=signed, seal=seal)
        await wire.ask(publish, PrekeyCount)

    def _seal(self, device: TestDevice, today: int) -> bytes:
        record = SealRecord.from_bytes(device.seal(self._url.removeprefix("ws://")))
        fresh = replace(record, issue_day=today, expiry_day=today + 7)
        signature = device.device_key.sign(fresh.signed_bytes()).signature
        return replace(fresh, signature=Signature(signature)).to_bytes()

    async def _publish_list(self, person: _Person, wire: Wire) -> None:
        device = person.device
        last = device.lists[-1]
        fresh = device.make_list(last.version + 1, last.head(), day=_today())
        await wire.ask(PublishDeviceList(id=wire.id(), device_list=fresh.to_bytes()), Done)
        device.lists.append(fresh)

    async def _delete(self) -> None:
        """Delete the last account, with what waits in its mailbox."""
        device = self._people[-1].device
        async with dial(self._url, "/v1/inbox") as wire:
            await wire.ask(device.login(wire), Welcome)
            signed = transcripts.account_deletion(wire.challenge, device.account_id)
            signature = Signature(device.account_key.sign(signed).signature)
            answer = await wire.ask(DeleteAccount(id=wire.id(), signature=signature), Done)
            assert not isinstance(answer, Error)


def _today() -> int:
    return int(time.time() // 86_400)
