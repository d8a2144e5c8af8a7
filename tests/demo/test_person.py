"""Tests of a person of the demo: a real client at a real relay."""

import pytest
from hushpost_demo import person
from hushpost_demo.errors import FactFailed
from hushpost_demo.person import Person

from tests.demo.typing_hands import Vaults


async def test_two_people_meet_and_part(vaults: Vaults) -> None:
    """What is said, heard and remarked stands on the screens; a closed app keeps its vault."""
    async with (
        Person("Ann", "Ann Arbor", vaults.folder / "ann") as ann,
        Person("Ben", "Ben Nevis", vaults.folder / "ben") as ben,
    ):
        assert not ann.online
        with pytest.raises(FactFailed, match="Ann's app is closed"):
            _ = ann.client
        await ann.create(vaults.relay)
        await ben.create(vaults.relay)
        await ben.client.online()
        await ben.client.settled(timeout=60)
        to_ben = await ann.client.add_contact(ben.client.address)
        message = await ann.say(to_ben, "hello")
        await ben.accept_knock()
        await ben.hears(1)
        assert [(line.speaker, line.text, line.state) for line in ben.lines] == [
            ("", "Ann Arbor asks to write to you", ""),
            ("Ann Arbor", "hello", ""),
        ]
        await message.reached("delivered", timeout=60)
        assert ann.lines[0].state == "delivered"
        await ben.close()
        assert not ben.online
        await ben.open()
        await ann.say(to_ben, "again")
        await ben.hears(2)
        assert [event.text for event in ben.heard] == ["hello", "again"]


async def test_waiting_in_vain_fails(vaults: Vaults, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait has an end, and says who waited for what."""
    monkeypatch.setattr(person, "WAIT_SECONDS_MAX", 0.1)
    async with Person("Ann", "Ann Arbor", vaults.folder / "ann") as ann:
        await ann.create(vaults.relay)
        with pytest.raises(FactFailed, match="Ann waited in vain for 1 messages"):
            await ann.hears(1)


def test_a_person_s_passphrase_is_not_shown(vaults: Vaults) -> None:
    """A person may be printed."""
    ann = Person("Ann", "Ann Arbor", vaults.folder)
    assert ann.passphrase not in repr(ann)
