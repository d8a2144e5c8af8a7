"""Sealed first messages: layout, seal, place, and what a claim may not do."""

from dataclasses import replace

import pytest
from hushpost_crypto import limits
from hushpost_crypto.device_list import issue_next
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.first_message import FirstHeader, SealTarget, open_first
from hushpost_crypto.keys import DeviceKey, IdentityKey, device_entry
from hushpost_crypto.pqxdh import Opening, RemoteDevice
from hushpost_crypto.prekeys import make_seal
from hushpost_crypto.primitives import HPKE_OVERHEAD_BYTES
from hushpost_crypto.session import FIRST_OVERHEAD_BYTES_MAX
from hushpost_wire.encoding import Reader
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host
from hushpost_wire.records import DEVICES_MAX, PrekeyId

from tests.crypto.pairwise_world import COMMITMENT, DAY, Device, stream


def _header(sender: RemoteDevice, *, one_time: bool = True, linked: bool = True) -> FirstHeader:
    draw = stream("header")
    opening = Opening(draw(32), draw(1568), 7, draw(16) if linked else b"")
    return FirstHeader(
        sender, 3, PrekeyId(draw(16)), PrekeyId(draw(16)) if one_time else None, opening
    )


@pytest.mark.parametrize("one_time", [True, False])
@pytest.mark.parametrize("linked", [True, False])
def test_header_has_one_encoding(one_time: bool, linked: bool) -> None:
    """Written and read, a header is the same, and has the length of the specification."""
    header = _header(Device("alice").remote, one_time=one_time, linked=linked)
    encoded = header.to_bytes()
    assert len(encoded) == 1899 + 16 * one_time + 16 * linked
    reader = Reader(encoded, "header")
    assert FirstHeader.read(reader) == header
    reader.finish()


def test_each_further_device_takes_64_bytes() -> None:
    """With eight devices a header is 448 bytes longer, and names the right one."""
    alice = Device("alice")
    entries = [alice.local.entry]
    while len(entries) < DEVICES_MAX:
        draw = stream(f"device {len(entries)}")
        entries.append(device_entry(DeviceKey.generate(draw), IdentityKey.generate(draw)))
    many = issue_next(
        alice.account_key, alice.local.genesis, alice.local.device_list, entries, today=DAY
    )
    lengths = {len(_header(RemoteDevice(alice.local.genesis, many, e)).to_bytes()) for e in entries}
    assert lengths == {1931 + 7 * 64}
    for entry in many.entries:
        encoded = _header(RemoteDevice(alice.local.genesis, many, entry)).to_bytes()
        assert FirstHeader.read(Reader(encoded, "header")).sender.entry == entry
    # Commitment, an opening key of the envelope's and 256 bytes of text still find room.
    assert FIRST_OVERHEAD_BYTES_MAX + 7 * 64 + 32 + 256 < 4096


@pytest.mark.parametrize(
    ("place", "value"), [(0, 2), (1, 4), (1, 0x83), (1658, 1), (1725, 9), (1726, 0)]
)
def test_malformed_headers_are_refused(place: int, value: int) -> None:
    """A version, flag, index, or list length that no writer makes is refused."""
    encoded = bytearray(_header(Device("alice").remote).to_bytes())
    encoded[place] = value
    with pytest.raises(MalformedRecord):
        FirstHeader.read(Reader(bytes(encoded), "header"))


def test_every_cut_of_a_header_is_refused() -> None:
    """A header cut anywhere is refused."""
    encoded = _header(Device("alice").remote).to_bytes()
    for size in range(0, len(encoded), 13):
        with pytest.raises(MalformedRecord):
            FirstHeader.read(Reader(encoded[:size], "header"))


def _sealed(bob: Device, content: bytes = b"message") -> bytes:
    header = _header(Device("alice").remote).to_bytes()
    return SealTarget.from_record(bob.bundle().seal).seal(header, content)


def test_seal_opens_at_its_place_only() -> None:
    """Host, account, device, key id and route each belong to the seal."""
    alice, bob = Device("alice"), Device("bob")
    sealed = _sealed(bob)
    first = bob.unseal(sealed)
    assert first.message == b"message"
    assert first.claimed_account == alice.address.account_id
    assert first.claimed_device == alice.address.device_id
    assert first.signed_prekey_id == first.header.signed_id
    assert first.one_time_prekey_id == first.header.one_time_id
    assert first.commitment == COMMITMENT
    assert len(sealed) == HPKE_OVERHEAD_BYTES + len(first.header_bytes) + 7
    places = (
        replace(bob.address, host=Host("other.example")),
        replace(bob.address, account_id=alice.address.account_id),
        replace(bob.address, device_id=alice.address.device_id),
        replace(bob.address, route=alice.address.route),
    )
    for place in places:
        with pytest.raises(Undecryptable):
            open_first(sealed, [bob.seal], place, commitment=COMMITMENT)
    renamed = replace(bob.seal, key_id=alice.seal.key_id)
    with pytest.raises(Undecryptable):
        open_first(sealed, [renamed], bob.address, commitment=COMMITMENT)


def test_eight_seal_keys_are_tried() -> None:
    """The eighth key opens, the ninth is not tried, and none opens nothing."""
    bob = Device("bob")
    sealed = _sealed(bob)
    others = [make_seal(today=DAY, random=bob.random) for _ in range(limits.SEAL_TRIALS_MAX)]
    kept = [*others[1:], bob.seal]
    assert open_first(sealed, kept, bob.address, commitment=COMMITMENT).message == b"message"
    for secrets in ([*others, bob.seal], []):
        with pytest.raises(Undecryptable):
            open_first(sealed, secrets, bob.address, commitment=COMMITMENT)


def test_every_flipped_part_is_refused() -> None:
    """A sealed message with a byte changed anywhere does not open."""
    bob = Device("bob")
    sealed = _sealed(bob)
    for place in [*range(0, len(sealed), 61), 1087, 1088, 1119, 1120, len(sealed) - 1]:
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Undecryptable):
            bob.unseal(bytes(changed))


def test_what_is_sealed_and_no_first_message_is_refused() -> None:
    """Anyone can seal anything: what has no header inside is undecryptable like the rest."""
    bob = Device("bob")
    target = SealTarget.from_record(bob.bundle().seal)
    for content in (b"", b"\1", bytes(3000)):
        with pytest.raises(Undecryptable):
            bob.unseal(target.seal(b"", content))


def test_two_sealings_of_one_message_differ() -> None:
    """A relay cannot tell a repeat from another message."""
    bob = Device("bob")
    assert _sealed(bob)[:1120] != _sealed(bob)[:1120]
