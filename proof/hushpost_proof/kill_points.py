"""Every named point at which the proof kills a process (docs/proof.md).

Most are read from the product's source (`kill_sites`): whoever adds a commit, a kind of vault
transaction or a change of the store adds its points. What stands between two of them is named here:
pushes, answers, acknowledgements and posts. `harness.mortality` raises if a name leads nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from hushpost_proof import kill_sites
from hushpost_proof.harness.mortality import short


class Who(StrEnum):
    """Whose process passes a point."""

    RELAY = "relay"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Point:
    """A named point. `without` tells why an ordinary run passes it never, if so."""

    name: str
    who: Who
    without: str = ""


# Functions of the relay around which mail changes hands.
RELAY_CALLS: Final = (
    "hushpost_server.submits:Pending.admitted",
    "hushpost_server.submits:Pending.committed",
    "hushpost_server.feed:Feed.push",
    "hushpost_server.feed:Feed._page",
    "hushpost_server.feed:Feed.acknowledged",
    "hushpost_server.session:Session.flush",
    "hushpost_server.sweeper:Sweeper.sweep",
    "hushpost_store.sqlite.intake:Intake._withdraw",
    "hushpost_store.sqlite.store:SqliteStore.open_mailbox",
    "hushpost_store.sqlite.backup:write",
    "hushpost_store.sqlite.backup:restore",
    "hushpost_server.identity:save_identity",
)
# Functions of the client between its vault and the relay, and around whole files.
CLIENT_CALLS: Final = (
    "hushpost.transport_post:PostOffice.submit_all",
    "hushpost.transport_link:Link.submit",
    "hushpost.transport_link:Link.acknowledge",
    "hushpost.transport_inbox:Inbox.acknowledge",
    "hushpost.couriers:Courier._commit",
    "hushpost.receiver:Receiver._take_in",
    "hushpost.registration:create_at_relay",
    "hushpost.registration:delete_at_relay",
    "hushpost.vault_file:lay_out",
    "hushpost.vault_file:remove_files",
    "hushpost.vault:Vault.change_secret",
)
# Statements that reach the database through a variable, which no reading of the source shows.
_UNREAD_SITES: Final = (
    "schema store.sqlite.schema._create_buckets",
    "schema vault_schema._create_first",
)
# Why a point is not passed where nothing else is wrong, by the beginning of its name.
WITHOUT: Final = {
    "commit store.sqlite.group._replay": "only after a group's commit failed: disk-and-clock",
    "commit store.sqlite.group._give_up_envelopes": "only on a full disk: disk-and-clock",
    "commit store.sqlite.repair.repair": "only by a command on a damaged database: flipped-bytes",
    "store migration_mark.write_mark": "only when a relay moves to Redis: tests of migrate",
    "link store.sqlite.erasure._put_stub": "only after a relay moved to Redis: tests of migrate",
    "sync store.sqlite.erasure._overwrite": "only after a relay moved to Redis: tests of migrate",
    "step engine.event_log.safety_alarm": "only against a relay or peer that cheats",
    "step engine.event_log.undecryptable": "only after a defect of the engine itself",
    "step engine.errands.finish": "only if a contact is removed while its keys are fetched",
    "step engine.errands.defer": "only while a relay cannot be reached: stopped-and-cut",
    "step engine.own_drops.take_back": "only if no invitation can be registered for 20 seconds",
    "step engine.posting_results.posting_expired": "only after the 14 days of a message",
    "step engine.first_contact.send_again": "only for a message that a relay refused or let expire",
    "step engine.prekey_upkeep.refill": "only when most one-time prekeys are taken",
    "step engine.expiry.noticed": "only after mail expired unread",
    "step engine.first_contact.send_all_again": "only after mail expired unread",
    "step engine.relay_errands.lists_fetched": "only after a contact's device list changed",
    "schema store.sqlite.commit_hold._touch": "only with the quiet profile",
    "step engine.relay_errands.fetch_refused": "only if a contact's account was deleted meanwhile",
}


@cache
def points() -> tuple[Point, ...]:
    """Return all of them, in order of their names."""
    return tuple(sorted({*_found()}, key=lambda point: point.name))


def of(who: Who) -> tuple[Point, ...]:
    """Return those that an ordinary run passes in a process of this kind."""
    return tuple(point for point in points() if point.who is who and not point.without)


def _found() -> Iterator[Point]:
    modules = list(kill_sites.sources())
    for site in (*kill_sites.durable_sites(modules), *_UNREAD_SITES):
        yield from _points(site, ("before", "after"))
    for step in kill_sites.step_kinds(modules):
        yield from _points(step, ("begun", "done", "stored"))
    for module, name in kill_sites.store_changes():
        change = f"store {module.__name__.rpartition('.')[2]}.{name}"
        yield from _points(change, ("begun", "done", "committed"), Who.RELAY)
    for who, calls in ((Who.RELAY, RELAY_CALLS), (Who.CLIENT, CLIENT_CALLS)):
        for target in calls:
            module_name, _, path = target.partition(":")
            yield from _points(f"call {short(module_name)}{path}", ("before", "after"), who)


def _points(place: str, moments: tuple[str, ...], who: Who | None = None) -> Iterator[Point]:
    of_relay = place.partition(" ")[2].startswith(("store.", "server."))
    whose = who or (Who.RELAY if of_relay else Who.CLIENT)
    for moment in moments:
        yield Point(f"{place} {moment}", whose, WITHOUT.get(place, ""))
