"""The operator's commands on a real Redis: complete answers, and what was planted is found."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from hushpost_server import redis_looks
from hushpost_server.command import main
from hushpost_server.configuration_loading import load_configuration
from hushpost_server.errors import CheckFailed
from hushpost_server.subpoena_command import UNKNOWN_ACCOUNT
from hushpost_store.conformance.stage import account, digest, envelope, route
from hushpost_store.redis.keys import account_keys, mailbox_keys

from tests.server.redis_scene import RedisScene, redis_scene
from tests.store.sqlite.full_store import NAMES, markers

BOB = account("bob", devices=2)
MAILBOX, DROPS, HEADS, ORDER, BODIES, EXPIRED = mailbox_keys(route("bob"))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[RedisScene]:
    """Give a filled Redis."""
    with redis_scene(tmp_path, monkeypatch) as there:
        yield there


def produced(scene: RedisScene, capsys: pytest.CaptureFixture[str], name: str) -> str:
    """Return the answer about a person, as JSON."""
    capsys.readouterr()
    assert main(["subpoena", digest(name).hex(), "--format", "json", *scene.arguments]) == 0
    return capsys.readouterr().out


def test_an_answer_holds_all_of_one_person_and_nothing_of_others(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every row that names her, her sealed mail whole, each of her keys; none of anybody else's."""
    text = produced(scene, capsys, "bob")
    answer = json.loads(text)
    rows = {table["table"]: table["rows"] for table in answer["stored"]}
    for marker in markers("bob"):
        half = digest("bob contact")[:16]
        assert marker.hex() in text or marker == half, marker
    for other in NAMES:
        if other != "bob":
            assert not any(marker.hex() in text for marker in markers(other))
    bodies = [row["value"] for row in rows["{route}:bodies"]]
    assert envelope("bob contact", 16384, to="bob", size=16384).envelope[:-16].hex() in bodies
    names = {row["field"] for row in rows["{route}:mailbox"]}
    assert {"owner", "last", "queued", "bytes", "knocks"} <= names
    assert any(name.startswith("#") for name in names)
    facts = " ".join(answer["facts"])
    assert "1 contact drop" in facts
    assert "4 sealed envelopes" in facts
    assert "has the number 5" in facts
    assert "1 envelope expired unread" in facts
    assert answer["is_known"]


def test_the_answer_counts_every_key_of_the_account(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each field and member that Redis has under her tags is a row, counted past the command."""
    rows = sum(len(t["rows"]) for t in json.loads(produced(scene, capsys, "bob"))["stored"])
    counted = 0
    for key in (
        *account_keys(BOB.account_id),
        *(key for device in BOB.devices for key in mailbox_keys(device.route)),
    ):
        kind = scene.ask(key, b"TYPE", key)
        verb = {b"hash": b"HLEN", b"zset": b"ZCARD"}.get(kind)
        counted += scene.ask(key, verb, key) if verb else 0
    assert rows == counted > 40


def test_a_mailbox_that_the_account_does_not_name_is_hers_too(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim that was broken off is found by its owner; one of nobody is counted."""
    lost, nobody = mailbox_keys(bytes(16))[0], mailbox_keys(b"n" * 16)[1]
    scene.ask(lost, b"HSET", lost, b"owner", BOB.account_id + BOB.devices[0].device_id)
    scene.ask(nobody, b"HSET", nobody, bytes(16), bytes(21))
    answer = json.loads(produced(scene, capsys, "bob"))
    rows = {table["table"]: table["rows"] for table in answer["stored"]}
    assert lost.decode() in {row["key"] for row in rows["{route}:mailbox"]}
    assert answer["rows_of_nobody"] == {"keys of mailboxes": 1}


def test_an_unknown_account_has_a_status_of_its_own(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer says that there is nothing."""
    assert main(["subpoena", "f" * 64, *scene.arguments]) == UNKNOWN_ACCOUNT
    assert "Nothing is stored about this account." in capsys.readouterr().out


def test_an_account_that_is_being_deleted_is_produced_as_it_is(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a relay would not find any more is there all the same."""
    key = account_keys(BOB.account_id)[0]
    scene.ask(key, b"HSET", key, b"deleting", b"12345678")
    answer = json.loads(produced(scene, capsys, "bob"))
    assert any("A relay would not find this account" in fact for fact in answer["facts"])
    assert len(answer["stored"]) > 10


_SEEN, _OTHER = MAILBOX[:24] + b":seen", EXPIRED[:24] + b":taken"
ACCOUNT = account_keys(BOB.account_id)[0]
# What is planted, and what takes it away again.
_PLANTED = {
    "a key": ((b"visitors", b"SET", b"visitors", b"bob"), (b"DEL", b"visitors")),
    "a key of a mailbox": ((_SEEN, b"SET", _SEEN, b"1"), (b"DEL", _SEEN)),
    "a field": (
        (MAILBOX, b"HSET", MAILBOX, b"last_seen", b"1"),
        (b"HDEL", MAILBOX, b"last_seen"),
    ),
    "a field of an account": (
        (ACCOUNT, b"HSET", ACCOUNT, b"email", b"bob@example.org"),
        (b"HDEL", ACCOUNT, b"email"),
    ),
    "a member": ((ORDER, b"ZADD", ORDER, 1, b"short"), (b"ZREM", ORDER, b"short")),
    "a type": ((_OTHER, b"SADD", _OTHER, b"x"), (b"DEL", _OTHER)),
}


def test_what_nobody_declared_is_found(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """`inventory --check` names it with status 1, and no answer is produced from such a Redis."""
    missed: list[str] = []
    for name, (planted, undone) in _PLANTED.items():
        scene.ask(*planted)
        found = main(["inventory", "--check", *scene.arguments]) == 1
        found &= "undeclared: " in capsys.readouterr().err
        found &= main(["subpoena", digest("bob").hex(), *scene.arguments]) == 1
        if not found or "never declared" not in capsys.readouterr().err:
            missed.append(name)
        scene.ask(planted[0], *undone)
    assert not missed
    assert main(["inventory", "--check", *scene.arguments]) == 0


def test_a_damaged_redis_is_told_by_counts(
    scene: RedisScene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` reads everything, says what does not fit, names nobody, and repairs nothing."""
    monkeypatch.setattr("hushpost_store.redis.onlooker._PAUSE_SECONDS", 0.0)
    assert main(["check", *scene.arguments]) == 0
    assert "3 accounts with their mailboxes, all as written" in capsys.readouterr().out
    scene.ask(MAILBOX, b"HSET", MAILBOX, b"queued", b"9")
    alice = mailbox_keys(route("alice"))
    (first,) = scene.ask(alice[3], b"ZRANGE", alice[3], 0, 0)
    scene.ask(alice[4], b"HSET", alice[4], first, bytes(4080))
    carol = account_keys(digest("carol"))[3]
    scene.ask(carol, b"DEL", carol)
    assert main(["check", *scene.arguments]) == 1
    told = capsys.readouterr()
    assert "what is queued in a mailbox does not fit its counts" in told.out
    assert "one-time prekeys and their records do not fit" in told.out
    assert "1 accounts and 2 mailboxes are not as written" in told.err
    assert digest("carol").hex() not in told.out + told.err
    assert main(["check", "--repair", *scene.arguments]) == 1
    assert "redis-check-aof" in capsys.readouterr().err


def test_no_copy_is_made_of_a_redis(scene: RedisScene, capsys: pytest.CaptureFixture[str]) -> None:
    """Backup and restore say why, and what to do instead."""
    for command in (["backup", str(scene.folder / "copy")], ["restore", str(scene.folder)]):
        assert main([*command, *scene.arguments]) == 1
        told = capsys.readouterr().err
        assert "replica" in told
        assert "docs/operating.md" in told


def test_a_redis_that_is_away_is_one_line(
    scene: RedisScene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is answered from nothing."""
    scene.redis.kill()
    for command in (["subpoena", "f" * 64], ["check"], ["inventory", "--check"]):
        assert main([*command, *scene.arguments]) == 1
        told = capsys.readouterr()
        assert len(told.err.strip().splitlines()) == 1
        assert "Redis was not looked through" in told.err
    with pytest.raises(CheckFailed, match="was not looked through"):
        redis_looks.damage(load_configuration(None, data_folder=scene.folder))
