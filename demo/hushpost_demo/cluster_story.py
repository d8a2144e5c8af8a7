"""The demo on a cluster, scene by scene. Each scene does something real, checks it, and shows it.

Raises `FactFailed` as soon as something that is shown to be so is not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from hushpost_store.redis.keys import mailbox_keys

from hushpost_demo import cluster_scenes, findings, scenes
from hushpost_demo.cast import Cast, require
from hushpost_demo.cluster_evidence import control_in_redis, hunt_memory, leak
from hushpost_demo.cluster_look import look, look_at_node
from hushpost_demo.cluster_service import ClusterService
from hushpost_demo.cluster_view import ClusterView
from hushpost_demo.errors import FactFailed, RedisSilent
from hushpost_demo.evidence import await_erasure, control, find_envelopes, hunt_words
from hushpost_demo.hint_witness import Overheard, overhearing
from hushpost_demo.person import WAIT_SECONDS_MAX, Person
from hushpost_demo.process_memory import MemoryUnreadable
from hushpost_demo.redis_look import Home, home_of, login_node, primaries, rewrite_logs
from hushpost_demo.redis_servers import RedisServer
from hushpost_demo.stage import Stage

# Less than in the demo without a cluster: more happens in between.
READING_SECONDS: Final = 1.5
KILLED: Final = -9
# A server that is silent for two seconds is taken for dead; then the others vote.
FAILOVER_SECONDS_MAX: Final = 25.0
_LOOK_AGAIN_SECONDS: Final = 0.05
_KEY_SHOWN: Final = 7


@dataclass(slots=True)
class ClusterStory:
    """Both people, their relays and Redis, and who is told. `tell` gives: nothing leaked."""

    alice: Person
    bob: Person
    service: ClusterService
    stage: Stage
    leak: bool = False
    waiting: tuple[bytes, ...] = ()
    began: float = field(default_factory=time.monotonic)
    cast: Cast = field(init=False)
    _routes: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def __post_init__(self) -> None:
        self.cast = Cast(self.alice, self.bob)

    async def tell(self) -> bool:
        """Play every scene; gives whether the last one found nothing that must not be there."""
        await self._accounts()
        await self._first_contact()
        await self._across()
        await self._offline()
        await self._relay_killed()
        await self._server_killed()
        await self._returned()
        await self._gone()
        clean = await self.scan()
        seconds = time.monotonic() - self.began
        line = cluster_scenes.CLEAN if clean else scenes.LEAKED
        self.stage.verdict(line, clean=clean, seconds=round(seconds, 1))
        return clean

    # -- the scenes ------------------------------------------------------------------------------

    async def _accounts(self) -> None:
        self.stage.scene(1, cluster_scenes.ACCOUNTS)
        with self.stage.busy("making keys"):
            for person, node in zip(self.cast.people, ("A", "B"), strict=True):
                self.service.lead_to(node)
                await person.create(self.service.url)
                await person.client.online()
                routes = {mailbox.route for mailbox in (await look(self.service)).mailboxes}
                (self._routes[person.name],) = routes - set(self._routes.values())
        view = await self._show()
        require(view.accounts == 2, "Redis holds two accounts")
        online = {node.name: node.connected for node in view.nodes}
        require(online == {"A": 1, "B": 1}, "each relay has one of the two apps")
        await self._pause()

    async def _first_contact(self) -> None:
        self.stage.scene(2, cluster_scenes.FIRST_CONTACT)
        with self.stage.busy("Alice knocks"):
            self.service.lead_to("A")
            await self.cast.knock(cluster_scenes.KNOCK)
            self.service.lead_to("B")
            await self.cast.let_in()
        await self._show()
        findings.tell_meeting(self.stage, self.cast)
        await self._pause()

    async def _across(self) -> None:
        self.stage.scene(3, cluster_scenes.ACROSS)
        cluster = self.service.cluster
        async with AsyncExitStack() as ears:
            heard: dict[str, Overheard] = {}
            for person in self.cast.people:
                node = await login_node(cluster, self._routes[person.name])
                heard[person.name] = await ears.enter_async_context(overhearing(cluster, node))
            self.service.lead_to("B")
            to_alice = await self._seconds_to_screen(self.bob, cluster_scenes.WELCOME)
            self.service.lead_to("A")
            to_bob = await self._seconds_to_screen(self.alice, cluster_scenes.REPLY)
            self.service.lead_to("A", "B")
            with self.stage.busy(findings.RECEIPTS_COME):
                await self.cast.all_delivered(self._is_empty)
        view = await self._show()
        require(view.queued == 0, "Redis holds nothing once everything was read")
        self._tell_hints(heard, to_alice=to_alice, to_bob=to_bob)
        await self._pause()

    async def _seconds_to_screen(self, writer: Person, text: str) -> float:
        reader = self.bob if writer is self.alice else self.alice
        count = len(reader.heard) + 1
        began = time.monotonic()
        await self.cast.say(writer, text)
        await reader.hears(count)
        return time.monotonic() - began

    def _tell_hints(self, heard: dict[str, Overheard], *, to_alice: float, to_bob: float) -> None:
        for name, overheard in heard.items():
            named = self._routes[name] in overheard.mailboxes()
            require(named, f"one relay told the other of {name}'s mail")
        self.stage.fact(
            "across",
            f"From Bob's key to Alice's screen, relay B to relay A: {to_alice * 1000:.0f} ms."
            f" Alice to Bob: {to_bob * 1000:.0f} ms. Without the hint: up to a second, since each"
            " relay also looks by itself, once a second.",
            to_alice_milliseconds=round(to_alice * 1000, 1),
            to_bob_milliseconds=round(to_bob * 1000, 1),
        )
        count = sum(len(overheard.payloads) for overheard in heard.values())
        longest = max(overheard.bytes_max for overheard in heard.values())
        self.stage.fact(
            "hints",
            f"All that the relays said to each other: {count} hints of at most {longest} bytes,"
            " a mailbox's random name and a number. No envelope.",
            hints=count,
            bytes_max=longest,
        )

    async def _offline(self) -> None:
        self.stage.scene(4, cluster_scenes.OFFLINE)
        await self.bob.close()
        for text in cluster_scenes.WHILE_AWAY:
            message = await self.cast.say(self.alice, text)
            await message.reached("accepted", timeout=WAIT_SECONDS_MAX)
        if self.leak:
            await leak(self.service.cluster, cluster_scenes.WHILE_AWAY[0])
        view = await self._show()
        self.waiting = view.envelopes
        require(view.queued >= len(cluster_scenes.WHILE_AWAY), "Redis keeps what Bob has not read")
        self._tell_keys(view)
        await self._find_waiting()
        await self._pause()

    def _tell_keys(self, view: ClusterView) -> None:
        prefix = mailbox_keys(self._routes["Bob"])[0].partition(b":")[0]
        own = [key.partition(b":")[2].decode() for key in view.keys if key.startswith(prefix)]
        shown = prefix.decode()[: _KEY_SHOWN + 1]
        self.stage.fact(
            "keys",
            f"Redis has {len(view.keys)} keys, named after random numbers. Those of Bob's mailbox,"
            f" all on one server: {shown}...}} with {', '.join(own)}.",
            keys=[key.decode(errors="replace") for key in view.keys],
        )

    async def _find_waiting(self) -> None:
        home = await self._home()
        for server in (home.primary, *home.replicas):
            found = await find_envelopes(server.folder, self.waiting)
            whole = {finding.what for finding in found}
            require(len(whole) == len(self.waiting), "both servers have written every envelope")
        self.stage.fact(
            "envelopes_on_disk",
            f"The bytes of these {len(self.waiting)} envelopes stand in the log of the server at"
            f" port {home.primary.port} and of {len(home.replicas)} that copies it. We remember"
            " them.",
            envelopes=len(self.waiting),
            primary=home.primary.port,
            replicas=[server.port for server in home.replicas],
        )

    async def _relay_killed(self) -> None:
        self.stage.scene(5, cluster_scenes.RELAY_KILLED)
        relay = self.service.relays["A"]
        pid = relay.pid
        relay.kill()
        began = time.monotonic()
        message = await self.cast.say(self.alice, cluster_scenes.WHILE_DEAD)
        require(await relay.ended() == KILLED, "relay A died of signal 9")
        with self.stage.busy("Alice's app dials again"):
            await self._until(self._is_alice_at_b, "Alice's app came back at relay B")
            seconds = time.monotonic() - began
            await message.reached("accepted", timeout=WAIT_SECONDS_MAX)
        view = await self._show()
        require(set(self.waiting) < set(view.envelopes), "Redis still has every envelope")
        self.waiting = view.envelopes
        self.stage.fact(
            "relay_killed",
            f"Process {pid} died of signal 9. {seconds:.1f} seconds later relay B served Alice's"
            f" app. Redis has all {view.queued} envelopes, what she wrote meanwhile among them.",
            pid=pid,
            seconds=round(seconds, 2),
            envelopes=view.queued,
        )
        await self._pause()

    async def _server_killed(self) -> None:
        self.stage.scene(6, cluster_scenes.SERVER_KILLED)
        dead = (await self._home()).primary
        dead.kill()
        began = time.monotonic()
        message = await self.cast.say(self.alice, cluster_scenes.WHILE_SERVER_DEAD)
        with self.stage.busy("the servers agree on who takes over"):
            await self._until(lambda: self._has_moved_from(dead), "another server took over")
        seconds = time.monotonic() - began
        view = await self._show()
        require(set(self.waiting) <= set(view.envelopes), "the copy has every envelope")
        home = await self._home()
        self.stage.fact(
            "server_killed",
            f"After {seconds:.1f} seconds the server at port {home.primary.port} has Bob's mailbox,"
            f" and in it all {len(self.waiting)} envelopes that were safe.",
            seconds=round(seconds, 2),
            from_port=dead.port,
            to_port=home.primary.port,
            envelopes=len(self.waiting),
        )
        with self.stage.busy("the dead server starts again, and copies"):
            await dead.start()
            await message.reached("accepted", timeout=WAIT_SECONDS_MAX)
        self.waiting = (await look(self.service)).envelopes
        await self._pause()

    async def _returned(self) -> None:
        self.stage.scene(7, cluster_scenes.RETURNED)
        with self.stage.busy("fetching"):
            await self.bob.open()
            await self.bob.hears(len(self.cast.said_by(self.alice)))
        await self.cast.say(self.bob, cluster_scenes.ANSWER)
        await self.alice.hears(len(self.cast.said_by(self.bob)))
        with self.stage.busy(findings.RECEIPTS_COME):
            await self.cast.all_delivered(self._is_empty)
        await self._show()
        findings.tell_nothing_lost(self.stage, self.cast)
        await self._pause()

    async def _gone(self) -> None:
        self.stage.scene(8, cluster_scenes.GONE)
        service = self.service
        before = await find_envelopes(service.redis_files, self.waiting)
        require(bool(before), "a deletion alone leaves envelopes in a log")
        with self.stage.busy("six servers write their logs anew"):
            await rewrite_logs(service.cluster.servers)
            seconds = await await_erasure(service.folder, self.waiting)
        self.stage.fact(
            "erased",
            f"Before, pieces of {len({f.what for f in before})} of {len(self.waiting)} envelopes"
            f" stood in the logs. Now not a piece of any is left in any file of Redis or of the"
            f" relays (after {seconds:.1f} seconds).",
            envelopes=len(self.waiting),
            pieces_before=len(before),
            seconds=round(seconds, 1),
        )
        await self._pause()

    async def scan(self) -> bool:
        """Play the last scene; gives whether nothing leaked and the scan can see."""
        self.stage.scene(9, cluster_scenes.SCAN)
        service, texts = self.service, self.cast.texts()
        with self.stage.busy("reading every byte"):
            hunts = [
                await hunt_words("the relays' files", service.relay_files, texts, ()),
                await hunt_words("Redis's files", service.redis_files, texts, ()),
            ]
            memory = True
            try:
                hunts.append(await hunt_memory("Redis's memory", service.cluster.servers, texts))
            except MemoryUnreadable:
                memory = False
            for person in self.cast.people:
                ids = self.cast.ids(person)
                hunts.append(await hunt_words(f"{person.name}'s vault", person.folder, texts, ids))
            in_files = await control(service.relay_files, cluster_scenes.WHILE_AWAY[0])
            in_redis = await control_in_redis(
                service.cluster, cluster_scenes.WHILE_AWAY[0], memory=memory
            )
        for hunt in hunts:
            findings.tell_hunt(self.stage, hunt)
        if not memory:
            line = "This system does not let us read the memory of the Redis processes: not looked."
            self.stage.fact("memory_unread", line)
        findings.tell_control(self.stage, in_files, "in the relays' files")
        findings.tell_control(self.stage, in_redis, "in Redis")
        found = any(hunt.report.findings for hunt in hunts)
        return in_files.all_found and in_redis.all_found and not found

    # -- looking and waiting ---------------------------------------------------------------------

    async def _show(self) -> ClusterView:
        view = await look(self.service)
        self.stage.frame(self.alice, view, self.bob)
        return view

    async def _pause(self) -> None:
        await asyncio.sleep(self.stage.reading_seconds(READING_SECONDS))

    async def _home(self) -> Home:
        return await home_of(self.service.cluster, mailbox_keys(self._routes["Bob"])[0])

    async def _is_empty(self) -> bool:
        return not (await look(self.service)).queued

    async def _is_alice_at_b(self) -> bool:
        return (await look_at_node("B", self.service.relays["B"])).connected == 1

    async def _has_moved_from(self, dead: RedisServer) -> bool:
        owners = await primaries(self.service.cluster)
        if (await self._home()).primary is dead or len(owners) < 3:
            return False
        return (await look(self.service)).queued >= len(self.waiting)

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(FAILOVER_SECONDS_MAX):
                while not await _held(holds):  # noqa: ASYNC110  other processes' doing
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise FactFailed(f"it was waited for in vain that {what}") from None


async def _held(holds: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await holds()
    except RedisSilent:  # a server that is dead, or not yet ready
        return False
