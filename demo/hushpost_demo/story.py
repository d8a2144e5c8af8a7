"""The demo, scene by scene. Each scene does something real, checks it, and shows it.

Raises `FactFailed` as soon as something that is shown to be so is not.
"""

import asyncio
import base64
import time
from dataclasses import dataclass, field
from typing import Final

from hushpost import Contact, Message
from hushpost.errors import HushpostError

from hushpost_demo import scenes
from hushpost_demo.errors import FactFailed
from hushpost_demo.evidence import Hunt, await_erasure, control, find_envelopes, hunt_words
from hushpost_demo.guises import Needle, byte_needles
from hushpost_demo.person import WAIT_SECONDS_MAX, Person
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.relay_view import RelayView, look
from hushpost_demo.stage import Stage

READING_SECONDS: Final = 2.5
SETTLE_LOOK_SECONDS: Final = 0.1
RELAY_KILLED: Final = -9


@dataclass(slots=True)
class Story:
    """Both people, their relay, and who is told. `tell` runs it all; True: nothing leaked."""

    alice: Person
    bob: Person
    relay: RelayProcess
    stage: Stage
    leak: bool = False
    waiting: tuple[bytes, ...] = ()
    began: float = field(default_factory=time.monotonic)
    _to_bob: Contact | None = None
    _to_alice: Contact | None = None

    async def tell(self) -> bool:
        """Play every scene; gives whether the last one found nothing that must not be there."""
        self.stage.scene(0, scenes.OPENING)
        await self._pause()
        await self._accounts()
        await self._first_contact()
        await self._online()
        await self._offline()
        await self._killed()
        await self._restarted()
        await self._gone()
        clean = await self.scan()
        self._verdict(clean=clean)
        return clean

    # -- the scenes ------------------------------------------------------------------------------

    async def _accounts(self) -> None:
        self.stage.scene(1, scenes.ACCOUNTS)
        with self.stage.busy("making keys"):
            await asyncio.gather(*(p.create(self.relay.address.url) for p in self._people()))
            await asyncio.gather(*(p.client.online() for p in self._people()))
        view = await self._show()
        _require(view.accounts == 2 and len(view.mailboxes) == 2, "the relay holds two accounts")
        await self._pause()

    async def _first_contact(self) -> None:
        self.stage.scene(2, scenes.FIRST_CONTACT)
        address = str(self.bob.client.address)
        self._to_bob = await self.alice.client.add_contact(address)
        with self.stage.busy("Alice knocks"):
            await self.alice.say(self._to_bob, scenes.KNOCK)
            self._to_alice = await self.bob.accept_knock()
            await self.bob.hears(1)
        await self._show()
        self.stage.fact("address", f"Bob's address, on his card: {address}", address=address)
        numbers = [
            self.alice.client.safety_number(self._contact(self.alice)),
            self.bob.client.safety_number(self._contact(self.bob)),
        ]
        _require(numbers[0] == numbers[1], "both apps show the same safety number")
        shown = f"Both apps show the same safety number: {numbers[0]}"
        self.stage.fact("safety_number", shown, safety_number=numbers[0])
        await self._pause()

    async def _online(self) -> None:
        self.stage.scene(3, scenes.ONLINE)
        await self._say(self.bob, scenes.WELCOME)
        await self.alice.hears(1)
        await self._say(self.alice, scenes.REPLY)
        await self.bob.hears(2)
        with self.stage.busy("each app tells the other that it arrived, a moment later"):
            await self._all_delivered()
        view = await self._show()
        _require(view.queued == 0, "the relay holds nothing once everything was read")
        self.stage.fact(
            "nothing_kept",
            f"The relay took in {view.accepted} envelopes up to now and holds none of them.",
            accepted=view.accepted,
            held=view.queued,
        )
        await self._pause()

    async def _offline(self) -> None:
        self.stage.scene(4, scenes.OFFLINE)
        await self.bob.close()
        for text in scenes.WHILE_AWAY:
            message = await self._say(self.alice, text)
            await message.reached("accepted", timeout=WAIT_SECONDS_MAX)
        if self.leak:
            self._leak(scenes.WHILE_AWAY[0])
        view = await self._show()
        self.waiting = view.envelopes
        _require(view.queued >= len(scenes.WHILE_AWAY), "the relay keeps what Bob has not read")
        self._tell_limits(view)
        await self._find_waiting()
        await self._pause()

    def _tell_limits(self, view: RelayView) -> None:
        self.stage.fact(
            "cannot_tell",
            "The relay cannot tell: " + "; ".join(scenes.CANNOT_TELL) + ".",
            cannot_tell=list(scenes.CANNOT_TELL),
        )
        self.stage.fact(
            "can_tell",
            "It can tell: " + "; ".join(scenes.CAN_TELL) + ".",
            can_tell=list(scenes.CAN_TELL),
        )
        self.stage.fact(
            "log",
            f"Its log has {view.log_lines} lines. The last one: {view.last_log_line}",
            lines=view.log_lines,
            last=view.last_log_line,
        )

    async def _find_waiting(self) -> None:
        found = await find_envelopes(self.relay.folder, self.waiting)
        files = sorted({finding.file for finding in found})
        _require(bool(files), "waiting envelopes can be found in the relay's files")
        self.stage.fact(
            "envelopes_on_disk",
            f"We remember the bytes of these {len(self.waiting)} envelopes. They stand in"
            f" {' and '.join(files)}, as they should.",
            envelopes=len(self.waiting),
            files=list(files),
        )

    async def _killed(self) -> None:
        self.stage.scene(5, scenes.KILLED)
        pid = self.relay.pid
        self.relay.kill()
        await self._say(self.alice, scenes.WHILE_DEAD)
        status = await self.relay.ended()
        _require(status == RELAY_KILLED, "the relay died of signal 9")
        view = await self._show()
        _require(view.envelopes == self.waiting, "the dead relay's disk holds every envelope")
        self.stage.fact(
            "killed",
            f"Process {pid} died of signal 9. Its disk still holds all {view.queued} envelopes.",
            pid=pid,
            envelopes=view.queued,
        )
        await self._pause()

    async def _restarted(self) -> None:
        self.stage.scene(6, scenes.RESTARTED)
        with self.stage.busy("the apps find the relay again by themselves"):
            await asyncio.gather(self.relay.start(), self.bob.open())
            await self.bob.hears(len(self._said_by(self.alice)))
        await self._say(self.bob, scenes.ANSWER)
        await self.alice.hears(len(self._said_by(self.bob)))
        with self.stage.busy("each app tells the other that it arrived, a moment later"):
            await self._all_delivered()
        view = await self._show()
        self._check_heard(self.bob, self.alice)
        self._check_heard(self.alice, self.bob)
        _require(view.queued == 0, "the relay holds nothing once everything was read")
        total = len(self._said_by(self.alice)) + len(self._said_by(self.bob))
        self.stage.fact(
            "nothing_lost",
            f"All {total} messages arrived: none lost, none twice, none out of order.",
            messages=total,
        )
        await self._pause()

    async def _gone(self) -> None:
        self.stage.scene(7, scenes.GONE)
        with self.stage.busy("the relay overwrites what was read, every ten seconds"):
            seconds = await await_erasure(self.relay.folder, self.waiting)
        self.stage.fact(
            "erased",
            f"Not a piece of the {len(self.waiting)} envelopes is left in any file of the relay"
            f" (after {seconds:.1f} more seconds).",
            envelopes=len(self.waiting),
            seconds=round(seconds, 1),
        )
        await self._pause()

    async def scan(self) -> bool:
        """Play the last scene; gives whether nothing leaked and the scan can see."""
        self.stage.scene(8, scenes.SCAN)
        with self.stage.busy("reading every byte"):
            hunts = [
                await hunt_words("the relay's files", self.relay.folder, self._texts(), ()),
                *[
                    await hunt_words(f"{p.name}'s vault", p.folder, self._texts(), self._ids(p))
                    for p in self._people()
                ],
            ]
            planted = await control(self.relay.folder, scenes.WHILE_AWAY[0])
        for hunt in hunts:
            self._tell_hunt(hunt)
        self.stage.fact(
            "control",
            f"Planted on purpose: {len(planted.planted)} leaks. Found: {len(planted.found)}.",
            ok=planted.all_found,
            planted=list(planted.planted),
            found=list(planted.found),
        )
        return planted.all_found and not any(hunt.report.findings for hunt in hunts)

    # -- telling ---------------------------------------------------------------------------------

    def _tell_hunt(self, hunt: Hunt) -> None:
        report = hunt.report
        read = f"{hunt.where}: {report.files} files, {report.bytes_read:,} bytes"
        hunted = f"{hunt.phrases} words and phrases in {hunt.spellings:,} spellings"
        found = [f"{f.what!r} as {f.encoding} in {f.file}" for f in report.findings]
        line = f"{read}; {hunted}: {'none found' if not found else 'FOUND ' + found[0]}"
        if len(found) > 1:
            line += f" and {len(found) - 1} more"
        self.stage.fact(
            "hunt",
            line,
            ok=not found,
            where=hunt.where,
            files=report.files,
            bytes=report.bytes_read,
            phrases=hunt.phrases,
            spellings=hunt.spellings,
            found=list(found),
        )

    def _verdict(self, *, clean: bool) -> None:
        seconds = time.monotonic() - self.began
        line = scenes.CLEAN if clean else scenes.LEAKED
        self.stage.verdict(line, clean=clean, seconds=round(seconds, 1))

    async def _show(self) -> RelayView:
        view = await look(self.relay)
        self.stage.frame(self.alice, view, self.bob)
        return view

    async def _pause(self) -> None:
        await asyncio.sleep(self.stage.reading_seconds(READING_SECONDS))

    # -- the people ------------------------------------------------------------------------------

    def _people(self) -> tuple[Person, Person]:
        return self.alice, self.bob

    def _contact(self, person: Person) -> Contact:
        contact = self._to_bob if person is self.alice else self._to_alice
        assert contact is not None, "first contact was made before"
        return contact

    async def _say(self, person: Person, text: str) -> Message:
        return await person.say(self._contact(person), text)

    def _said_by(self, person: Person) -> list[str]:
        return [line.text for line in person.lines if line.message is not None]

    async def _all_delivered(self) -> None:
        for person in self._people():
            for line in person.lines:
                if line.message is not None:
                    await _delivered(line.message)
        # The last receipts have arrived; their acknowledgements are on their way to the relay.
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while (await look(self.relay)).queued:  # noqa: ASYNC110  another process's disk
                await asyncio.sleep(SETTLE_LOOK_SECONDS)

    def _check_heard(self, reader: Person, writer: Person) -> None:
        heard = [event.text for event in reader.heard]
        whole = heard == self._said_by(writer)
        _require(whole, f"{reader.name} received all that {writer.name} wrote, once and in order")

    # -- what is hunted --------------------------------------------------------------------------

    def _texts(self) -> list[str]:
        said = [text for person in self._people() for text in self._said_by(person)]
        return [*said, *(person.full_name for person in self._people()), *self._passphrases()]

    def _passphrases(self) -> list[str]:
        return [person.passphrase for person in self._people()]

    def _ids(self, owner: Person) -> list[Needle]:
        """Give what would tell a thief of a vault's file whom its owner writes to."""
        contact = self._contact(owner)
        what = f"the address of {owner.name}'s contact"
        text = contact.address.rpartition("/")[2].encode()
        raw = Needle(what, "raw bytes", contact.account_id)
        return [raw, *byte_needles(what, contact.account_id), Needle(what, "UTF-8", text)]

    def _leak(self, text: str) -> None:
        """Do what a careless relay would do; only with ``--leak``."""
        with self.relay.log.open("ab") as log:
            log.write(b"debug passed on: " + base64.b64encode(text.encode()) + b"\n")


async def _delivered(message: Message) -> None:
    try:
        await message.reached("delivered", timeout=WAIT_SECONDS_MAX)
    except (HushpostError, TimeoutError) as error:
        raise FactFailed(f"a message did not arrive: it is {message.state}") from error


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise FactFailed(f"it is not so that {what}")
