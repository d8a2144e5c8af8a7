"""What a relay wrote, searched by a thief of its disk: no word that was said, nobody's name."""

import asyncio
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hushpost import Client
from hushpost_proof.harness.capture import read_capture
from hushpost_proof.harness.hunt import Trace, guises, hunt_words

from tests.system.test_deletion import KEYS, Scene, meet, scene

SAID = ("the heron nests behind the mill", "bring the yellow lantern on Thursday")
NAMES = ("Wilhelmina Quast", "Bartholomew Zinnober")


async def talk(stage: Scene) -> None:
    """Let two people meet, write to each other online and offline, and end."""
    paths = [stage.folder / f"{name}.vault" for name in ("anna", "bert")]
    url = stage.proxy.url
    async with await Client.create(paths[0], relay=url, key=KEYS["anna"], name=NAMES[0]) as anna:
        async with await Client.create(
            paths[1], relay=url, key=KEYS["bert"], name=NAMES[1]
        ) as bert:
            contact = await meet(anna, bert)
            online = await anna.send(contact, SAID[0])
            await online.reached("delivered", timeout=60)
        waiting = [await anna.send(contact, SAID[1]) for _ in range(3)]
        await asyncio.gather(*(one.reached("accepted", timeout=60) for one in waiting))


async def test_the_relay_wrote_no_word_no_name_and_no_secret(tmp_path: Path) -> None:
    """Database and log hold no text, name or drop secret, even while mail waits, at debug level."""
    async with scene(tmp_path, "--log-level", "debug") as stage:
        await talk(stage)
        submits = read_capture(tmp_path / "wire").submits
        secrets = {bytes(submit.drop_secret) for submit in submits}
        routes = {bytes(submit.route) for submit in submits}
        place = stage.relay.data_folder
        words = {word.encode() for word in (*SAID, *NAMES)}
        assert secrets
        # The routes of mailboxes are in the database: the hunt does find what is there.
        assert len(hunt_words(place, routes)) >= len(routes)
        assert b"relay_started" in stage.relay.log_path.read_bytes()
        for written in (place, stage.relay.log_path):
            assert hunt_words(written, words | secrets) == set()


LEAKS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "capitals": bytes.upper,
    "hexadecimal": lambda data: data.hex().upper().encode(),
    "base64": b64encode,
    "base64url": urlsafe_b64encode,
    "utf-16": lambda data: data.decode().encode("utf-16-le"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_found(tmp_path: Path, name: str) -> None:
    """A word in any usual encoding, anywhere in any file, is found."""
    word = SAID[0].encode()
    for lead in (b"", b"x", b"xy"):
        leaked = LEAKS[name](lead + word + b" and more")
        (tmp_path / "relay.log").write_bytes(bytes(7) + leaked)
        assert hunt_words(tmp_path, [word, b"never said"]) == {Trace(SAID[0], "relay.log")}


def test_the_guises_of_a_word_are_no_shorter_than_it(tmp_path: Path) -> None:
    """No guise is so short that it would be found by chance."""
    assert min(map(len, guises(NAMES[0].encode()))) >= len(NAMES[0])
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 256)
    assert hunt_words(tmp_path, [name.encode() for name in NAMES]) == set()
