"""The demo, scene by scene. Each scene does something real, checks it, and shows it.

Raises `FactFailed` as soon as something that is shown to be so is not.
"""

import asyncio
import base64
import time
from dataclasses import dataclass, field
from typing import Final

from hushpost_demo import findings, scenes
from hushpost_demo.cast import Cast, require
from hushpost_demo.evidence import await_erasure, control, find_envelopes, hunt_words
from hushpost_demo.person import WAIT_SECONDS_MAX, Person
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.relay_view import RelayView, look
from hushpost_demo.stage import Stage

READING_SECONDS: Final = 2.5
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
    cast: Cast = field(init=False)

    def __post_init__(self) -> None:
        self.cast = Cast(self.alice, self.bob)

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
            await asyncio.gather(*(p.create(self.relay.address.url) for p in self.cast.people))
            await asyncio.gather(*(p.client.online() for p in self.cast.people))
        view = await self._show()
        require(view.accounts == 2 and len(view.mailboxes) == 2, "the relay holds two accounts")
        await self._pause()

    async def _first_contact(self) -> None:
        self.stage.scene(2, scenes.FIRST_CONTACT)
        with self.stage.busy("Alice knocks"):
            await self.cast.knock(scenes.KNOCK)
            await self.cast.let_in()
        await self._show()
        findings.tell_meeting(self.stage, self.cast)
        await self._pause()

    async def _online(self) -> None:
        self.stage.scene(3, scenes.ONLINE)
        await self.cast.say(self.bob, scenes.WELCOME)
        await self.alice.hears(1)
        await self.cast.say(self.alice, scenes.REPLY)
        await self.bob.hears(2)
        with self.stage.busy(findings.RECEIPTS_COME):
            await self.cast.all_delivered(self._is_empty)
        view = await self._show()
        require(view.queued == 0, "the relay holds nothing once everything was read")
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
            message = await self.cast.say(self.alice, text)
            await message.reached("accepted", timeout=WAIT_SECONDS_MAX)
        if self.leak:
            self._leak(scenes.WHILE_AWAY[0])
        view = await self._show()
        self.waiting = view.envelopes
        require(view.queued >= len(scenes.WHILE_AWAY), "the relay keeps what Bob has not read")
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
        require(bool(files), "waiting envelopes can be found in the relay's files")
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
        await self.cast.say(self.alice, scenes.WHILE_DEAD)
        status = await self.relay.ended()
        require(status == RELAY_KILLED, "the relay died of signal 9")
        view = await self._show()
        require(view.envelopes == self.waiting, "the dead relay's disk holds every envelope")
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
            await self.bob.hears(len(self.cast.said_by(self.alice)))
        await self.cast.say(self.bob, scenes.ANSWER)
        await self.alice.hears(len(self.cast.said_by(self.bob)))
        with self.stage.busy(findings.RECEIPTS_COME):
            await self.cast.all_delivered(self._is_empty)
        view = await self._show()
        require(view.queued == 0, "the relay holds nothing once everything was read")
        findings.tell_nothing_lost(self.stage, self.cast)
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
                await hunt_words("the relay's files", self.relay.folder, self.cast.texts(), ()),
                *[
                    await hunt_words(
                        f"{p.name}'s vault", p.folder, self.cast.texts(), self.cast.ids(p)
                    )
                    for p in self.cast.people
                ],
            ]
            planted = await control(self.relay.folder, scenes.WHILE_AWAY[0])
        for hunt in hunts:
            findings.tell_hunt(self.stage, hunt)
        findings.tell_control(self.stage, planted)
        return planted.all_found and not any(hunt.report.findings for hunt in hunts)

    # -- telling ---------------------------------------------------------------------------------

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

    async def _is_empty(self) -> bool:
        return not (await look(self.relay)).queued

    def _leak(self, text: str) -> None:
        """Do what a careless relay would do; only with ``--leak``."""
        with self.relay.log.open("ab") as log:
            log.write(b"debug passed on: " + base64.b64encode(text.encode()) + b"\n")
