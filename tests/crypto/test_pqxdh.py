"""PQXDH: both sides agree, every binding counts, and X3DH from another hand gives the same."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hushpost_crypto import primitives
from hushpost_crypto.errors import BadKey
from hushpost_crypto.pqxdh import (
    Bundle,
    LinkSecret,
    Opening,
    Party,
    Transcript,
    UsedPrekeys,
    initiate,
    reencapsulation_id,
    respond,
)
from hushpost_crypto.prekeys import PrekeySecret
from hushpost_crypto.ratchet_state import SharedKeys
from hushpost_wire.records import IdentityPublicKey, PrekeyId
from x3dh.base_state import BaseState
from x3dh.crypto_provider import HashFunction
from x3dh.crypto_provider_cryptography import CryptoProviderImpl
from x3dh.models import BaseStateModel, IdentityKeyPairModel, SignedPreKeyPairModel
from x3dh.types import Header, IdentityKeyFormat, SecretType

from tests.crypto.pairwise_world import Device, stream

LINK = LinkSecret(bytes(range(32)))


def _agree(
    alice: Device, bob: Device, bundle: Bundle, link: LinkSecret | None = None
) -> tuple[SharedKeys, SharedKeys, Opening]:
    keys, opening = initiate(alice.local, bundle, generation=3, link=link, random=alice.random)
    one_time = bob.one_time[bundle.one_time.prekey_id] if bundle.one_time else None
    same, remembered = respond(
        bob.local,
        alice.local.party(),
        opening,
        own_head=bob.local.device_list.head(),
        signed=bob.signed,
        one_time=one_time,
        link=link,
    )
    used = bundle.one_time or bundle.signed
    assert remembered == reencapsulation_id(used.mlkem_key, opening.kem_ciphertext)
    return keys, same, opening


@pytest.mark.parametrize("one_time", [True, False])
@pytest.mark.parametrize("link", [None, LINK])
def test_both_sides_agree(one_time: bool, link: LinkSecret | None) -> None:
    """With and without one-time prekey and link, both sides have the same keys."""
    alice, bob = Device("alice"), Device("bob")
    keys, same, opening = _agree(alice, bob, bob.bundle(one_time=one_time), link)
    assert keys == same
    assert len({keys.root_key, keys.initiator_header_key, keys.responder_next_header_key}) == 3
    assert opening.link_id == (link.link_id() if link else b"")


def test_two_agreements_share_nothing() -> None:
    """The same two devices and prekeys give other keys each time."""
    alice, bob = Device("alice"), Device("bob")
    bundle = bob.bundle()
    first, _, opening = _agree(alice, bob, bundle)
    second, _, other = _agree(alice, bob, bundle)
    assert opening.ephemeral_key != other.ephemeral_key
    assert opening.kem_ciphertext != other.kem_ciphertext
    assert {first.root_key, first.associated_data}.isdisjoint(
        {second.root_key, second.associated_data}
    )


def _transcript() -> Transcript:
    alice, bob = Device("alice"), Device("bob")
    draw = stream("transcript")
    return Transcript(
        alice.local.party(),
        bob.local.party(),
        UsedPrekeys(PrekeyId(draw(16)), draw(32), PrekeyId(draw(16)), draw(32), draw(1568)),
        Opening(draw(32), draw(1568), 1, draw(16)),
    )


def _party(change: Callable[[Party], Party], name: str) -> Callable[[Transcript], Transcript]:
    if name == "initiator":
        return lambda t: replace(t, initiator=change(t.initiator))
    return lambda t: replace(t, responder=change(t.responder))


def _bent(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def _changes() -> dict[str, Callable[[Transcript], Transcript]]:
    changes: dict[str, Callable[[Transcript], Transcript]] = {
        "roles swapped": lambda t: replace(t, initiator=t.responder, responder=t.initiator)
    }
    other = Device("other").local
    for name in ("initiator", "responder"):
        changes |= {
            f"{name} genesis": _party(lambda p: replace(p, genesis=other.genesis), name),
            f"{name} head": _party(lambda p: replace(p, list_head=other.device_list.head()), name),
            f"{name} device key": _party(
                lambda p: replace(p, entry=replace(p.entry, device_key=other.entry.device_key)),
                name,
            ),
            f"{name} identity key": _party(
                lambda p: replace(p, entry=replace(p.entry, identity_key=other.entry.identity_key)),
                name,
            ),
        }
    for name in ("signed_id", "signed_x25519", "one_time_id", "one_time_x25519", "mlkem_key"):
        changes[name] = lambda t, n=name: replace(  # type: ignore[misc]  # a default binds the name
            t, prekeys=replace(t.prekeys, **{n: _bent(getattr(t.prekeys, n))})
        )
    for name in ("ephemeral_key", "kem_ciphertext", "link_id"):
        changes[name] = lambda t, n=name: replace(  # type: ignore[misc]  # a default binds the name
            t, opening=replace(t.opening, **{n: _bent(getattr(t.opening, n))})
        )
    changes["generation"] = lambda t: replace(t, opening=replace(t.opening, generation=2))
    changes["no one-time prekey"] = lambda t: replace(
        t, prekeys=replace(t.prekeys, one_time_id=None, one_time_x25519=b"")
    )
    changes["no link"] = lambda t: replace(t, opening=replace(t.opening, link_id=b""))
    return changes


@pytest.mark.parametrize("name", _changes())
def test_every_binding_of_the_transcript_counts(name: str) -> None:
    """A transcript with any one thing changed is another, and so are all keys made under it."""
    transcript = _transcript()
    assert _changes()[name](transcript).digest() != transcript.digest()


def test_no_two_changes_meet() -> None:
    """All changed transcripts differ from one another as well: no field runs into the next."""
    digests = {change(_transcript()).digest() for change in _changes().values()}
    assert len(digests) == len(_changes())


@pytest.mark.parametrize("place", ["identity", "signed", "one_time"])
def test_low_order_keys_in_a_bundle_are_refused(place: str) -> None:
    """An initiator refuses a bundle any of whose X25519 keys is of low order."""
    alice, bob = Device("alice"), Device("bob")
    bundle = bob.bundle()
    assert bundle.one_time is not None
    zero = bytes(32)
    entry = replace(bundle.device.entry, identity_key=IdentityPublicKey(zero))
    bad = {
        "identity": replace(bundle, device=replace(bundle.device, entry=entry)),
        "signed": replace(bundle, signed=replace(bundle.signed, x25519_key=zero)),
        "one_time": replace(bundle, one_time=replace(bundle.one_time, x25519_key=zero)),
    }[place]
    with pytest.raises(BadKey):
        initiate(alice.local, bad, generation=0, link=None, random=alice.random)


def test_bad_kem_key_in_a_bundle_is_refused() -> None:
    """An initiator refuses an ML-KEM key that is not canonical."""
    alice, bob = Device("alice"), Device("bob")
    bundle = bob.bundle(one_time=False)
    bad = replace(bundle, signed=replace(bundle.signed, mlkem_key=b"\xff" * 1568))
    with pytest.raises(BadKey):
        initiate(alice.local, bad, generation=0, link=None, random=alice.random)


def test_link_is_named_and_hidden() -> None:
    """A link's id has 16 bytes, says nothing of the secret, and no repr shows it."""
    assert len(LINK.link_id()) == 16
    assert LINK.link_id() not in LINK.secret
    assert LINK.secret.hex() not in repr(LINK)
    assert repr(LINK) == "<LinkSecret: secret>"


def test_remote_device_names_itself() -> None:
    """A remote device gives its account, its device id and its place in a transcript."""
    alice = Device("alice")
    assert alice.remote.account_id() == alice.address.account_id
    assert alice.remote.device_id() == alice.address.device_id
    assert alice.remote.party() == alice.local.party()


class _State(BaseState):
    """PyPI X3DH's state, which wants to be told how to encode its own associated data."""

    @staticmethod
    def _encode_public_key(key_format: IdentityKeyFormat, pub: bytes) -> bytes:
        return pub


def _their_state(bob: Device, one_time: PrekeySecret) -> _State:
    model = BaseStateModel(
        identity_key=IdentityKeyPairModel(
            secret=bob.local.identity_key.seed, secret_type=SecretType.PRIV
        ),
        signed_pre_key=SignedPreKeyPairModel(
            priv=bob.signed.x25519_secret, sig=bytes(64), timestamp=0
        ),
        old_signed_pre_key=None,
        pre_keys=frozenset({one_time.x25519_secret}),
    )
    return _State.from_model(
        model, IdentityKeyFormat.CURVE_25519, HashFunction.SHA_512, b"unused here"
    )


def test_key_material_is_that_of_an_independent_x3dh(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPI X3DH, as the responder, derives from F || DH1..4; ours is that, and then SS.

    Both hand their key material to HKDF, where it is watched; X3DH's HKDF over our whole material,
    salt and info then gives our keys.
    """
    alice, bob = Device("alice"), Device("bob")
    bundle = bob.bundle()
    assert bundle.one_time is not None
    ours: list[tuple[bytes, bytes, bytes]] = []
    theirs: list[tuple[bytes, bytes]] = []
    real_ours, real_theirs = primitives.hkdf_sha512, CryptoProviderImpl.hkdf_derive

    def watch(secret: bytes, *, salt: bytes, info: bytes, size: int) -> bytes:
        ours.append((secret, salt, info))
        return real_ours(secret, salt=salt, info=info, size=size)

    async def watch_theirs(
        hash_function: HashFunction, length: int, salt: bytes, info: bytes, key_material: bytes
    ) -> bytes:
        theirs.append((key_material, salt))
        return await real_theirs(hash_function, length, salt, info, key_material)

    monkeypatch.setattr(primitives, "hkdf_sha512", watch)
    monkeypatch.setattr(CryptoProviderImpl, "hkdf_derive", staticmethod(watch_theirs))
    keys, opening = initiate(alice.local, bundle, generation=0, link=None, random=alice.random)
    header = Header(
        identity_key=alice.local.entry.identity_key,
        ephemeral_key=opening.ephemeral_key,
        signed_pre_key=bundle.signed.x25519_key,
        pre_key=bundle.one_time.x25519_key,
    )
    state = _their_state(bob, bob.one_time[bundle.one_time.prekey_id])
    asyncio.run(state.get_shared_secret_passive(header, b""))
    ((material, salt, info),) = ours
    ((their_material, their_salt),) = theirs
    assert material[:-32] == their_material
    assert salt == their_salt
    assert info == b"hushpost/v1/pqxdh/secret\0" + keys.associated_data
    derived = asyncio.run(real_theirs(HashFunction.SHA_512, 96, salt, info, material))
    assert derived == (keys.root_key + keys.initiator_header_key + keys.responder_next_header_key)
