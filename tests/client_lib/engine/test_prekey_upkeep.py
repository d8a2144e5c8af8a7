"""Own prekeys: 100 in stock, rotated weekly, erased in time (docs/spec/content.md, 10)."""

from hushpost.engine import errands, prekey_upkeep, relay_errands
from hushpost.engine.ledger import Table
from hushpost_crypto.prekeys import read_prekey, read_seal
from hushpost_wire.identifiers import PrekeyId
from hushpost_wire.records import PrekeyKind

from tests.client_lib.engine.people import DAY, Person, PostRoom


def test_a_new_account_publishes_a_hundred_verifiable_records() -> None:
    """What the relay gets verifies under the device list, in batches of 20 at most."""
    alice = Person("alice", 1)
    batch = alice.look(prekey_upkeep.next_batch)
    assert len(batch.one_time) == 20
    room = PostRoom(alice)
    account = room.accounts[alice.own.account_id]
    entry = alice.own.device_list.entries[0]
    today = alice.own.device_list.issue_day
    assert len(account.one_time) == len(set(account.one_time)) == 100
    for data in account.one_time[:3]:
        read_prekey(data, PrekeyKind.ONE_TIME, alice.own.account_id, entry, today=today)
    read_prekey(account.signed, PrekeyKind.SIGNED, alice.own.account_id, entry, today=today)
    seal = read_seal(account.seal, alice.own.account_id, entry, today=today)
    assert (seal.route, seal.knock_secret) == (alice.own.route, alice.own.knock_secret)
    assert alice.look(errands.pending) == []


def test_the_stock_is_refilled_below_thirty() -> None:
    """Thirty are enough; twenty-nine are filled up to a hundred, counting those not published."""
    alice = Person("alice", 1)
    room = PostRoom(alice)
    alice.step(prekey_upkeep.refill, 30)
    assert alice.look(errands.pending) == []
    alice.step(prekey_upkeep.refill, 29)
    alice.step(prekey_upkeep.refill, 29)
    room.run_errands(alice)
    assert len(room.accounts[alice.own.account_id].one_time) == 171


def test_signed_prekey_and_seal_key_rotate_weekly_and_are_erased_after_37_days() -> None:
    """A week brings new ones beside the old; the old are gone on their day."""
    alice = Person("alice", 1)
    PostRoom(alice)
    (first,) = alice.look(prekey_upkeep.signed_secrets)
    (seal,) = alice.look(prekey_upkeep.seal_secrets)
    alice.now += 6 * DAY
    alice.step(prekey_upkeep.upkeep)
    assert len(alice.look(prekey_upkeep.signed_secrets)) == 1
    alice.now += DAY
    alice.step(prekey_upkeep.upkeep)
    newest, oldest = alice.look(prekey_upkeep.signed_secrets)
    assert (newest.issue_day, oldest.prekey_id) == (first.issue_day + 7, first.prekey_id)
    assert alice.look(prekey_upkeep.seal_secrets)[0].key_id != seal.key_id
    alice.now += 29 * DAY
    alice.step(prekey_upkeep.upkeep)
    assert alice.look(prekey_upkeep.signed_secret, first.prekey_id) is not None
    alice.now += DAY
    alice.step(prekey_upkeep.erase_old)
    assert alice.look(prekey_upkeep.signed_secret, first.prekey_id) is None
    assert alice.ledger.tables[Table.ONE_TIME_PREKEYS] == {}


def test_a_used_one_time_secret_is_gone() -> None:
    """After its use nothing of it is left, and asking for none gives none."""
    alice = Person("alice", 1)
    prekey_id = PrekeyId(next(iter(alice.ledger.tables[Table.ONE_TIME_PREKEYS])))
    assert alice.look(prekey_upkeep.one_time_secret, prekey_id) is not None
    alice.step(prekey_upkeep.erase_one_time, prekey_id)
    assert alice.look(prekey_upkeep.one_time_secret, prekey_id) is None
    assert alice.look(prekey_upkeep.one_time_secret, None) is None
    (errand,) = [
        e for e in alice.look(errands.pending) if e.kind is errands.ErrandKind.PUBLISH_PREKEYS
    ]
    assert alice.look(relay_errands.request_for, errand).batch is not None
