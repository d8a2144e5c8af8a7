"""Login: what a client signs, and how it knows its relay (docs/spec/identity.md, sections 7 and 8).

Before it signs anything a client calls `reach_relay_key`, and before it believes anything
`verify_welcome`. The bytes signed are built in hushpost_wire.transcripts, by the relay likewise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_wire import transcripts
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.records import (
    SIGNATURE_BYTES,
    AccountId,
    DeviceId,
    DeviceList,
    Genesis,
    Handover,
    RelayPublicKey,
    Route,
    Signature,
    StoreGeneration,
)
from hushpost_wire.transcripts import Challenge

from hushpost_crypto import primitives
from hushpost_crypto.errors import (
    BadHandover,
    BadKey,
    BadSignature,
    Misuse,
    RecordMalformed,
    RelayUnproven,
)
from hushpost_crypto.keys import AccountKey, DeviceKey, RelayKey

# A relay that changed its key more often shows its latest; a client away for longer has to ask.
HANDOVERS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """One login on one connection: what was signed, and what the welcome must answer."""

    challenge: Challenge
    client_nonce: bytes
    protocol: int
    account_id: AccountId
    device_id: DeviceId

    def sign(self, device_key: DeviceKey) -> Signature:
        """Sign the login. The relay key in the challenge must have been checked before."""
        return device_key.sign(
            transcripts.login(
                self.challenge,
                client_nonce=self.client_nonce,
                protocol=self.protocol,
                account_id=self.account_id,
                device_id=self.device_id,
            )
        )

    def verify_welcome(
        self,
        signature: bytes,
        *,
        route: Route,
        prekeys_left: int,
        device_list_version: int,
        generation: StoreGeneration,
    ) -> None:
        """Verify the relay's answer; raises `RelayUnproven`, after which nothing it said counts."""
        message = transcripts.welcome(
            self.challenge,
            client_nonce=self.client_nonce,
            protocol=self.protocol,
            account_id=self.account_id,
            device_id=self.device_id,
            route=route,
            prekeys_left=prekeys_left,
            device_list_version=device_list_version,
            generation=generation,
        )
        try:
            primitives.ed25519_verify(self.challenge.relay_key, message, signature)
        except (BadSignature, BadKey):
            raise RelayUnproven("the relay did not prove that it holds its key") from None


def sign_account_creation(
    account_key: AccountKey,
    challenge: Challenge,
    *,
    genesis: Genesis,
    device_list: DeviceList,
    device_id: DeviceId,
    route: Route,
    token: str | None,
) -> Signature:
    """Sign the creation of an account whose first device has that route for its mailbox."""
    return account_key.sign(
        transcripts.account_creation(
            challenge,
            genesis=genesis.to_bytes(),
            device_list=device_list.to_bytes(),
            device_id=device_id,
            route=route,
            token=token,
        )
    )


def sign_account_deletion(
    account_key: AccountKey, challenge: Challenge, account_id: AccountId
) -> Signature:
    """Sign the deletion of the account at this relay; there is no way back."""
    return account_key.sign(transcripts.account_deletion(challenge, account_id))


def make_handover(old_key: RelayKey, new_key: RelayPublicKey, *, today: int) -> Handover:
    """Let a relay's old key name its successor; publish it from then on in every hello."""
    old = old_key.public_key()
    if old == new_key:
        raise Misuse("a relay hands over to another key, not to its own")
    draft = Handover(old, new_key, today, Signature(bytes(SIGNATURE_BYTES)))
    return Handover(old, new_key, today, old_key.sign(draft.signed_bytes()))


def read_handover(data: bytes) -> Handover:
    """Parse one record; raises `RecordMalformed`. `reach_relay_key` verifies it."""
    try:
        return Handover.from_bytes(data)
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None


def reach_relay_key(
    known: RelayPublicKey | None, shown: RelayPublicKey, handovers: Sequence[Handover]
) -> RelayPublicKey:
    """Give the key to remember for this host: `shown`, if it is `known` or lawfully follows it.

    `known` None is the first visit. Raises `RelayUnproven` for another key without handovers from
    the known one, `BadHandover` for a chain that breaks, `BadKey` for a key nobody honest makes.
    """
    primitives.ed25519_check_public_key(shown)
    if known is None or primitives.equal(known, shown):
        return shown
    if len(handovers) > HANDOVERS_MAX:
        raise BadHandover(f"{len(handovers)} handovers shown; at most {HANDOVERS_MAX} may be")
    start = next((i for i, record in enumerate(handovers) if record.old_key == known), None)
    if start is None:
        raise RelayUnproven(
            "the relay shows another key than it had and nothing that leads from one to the other; "
            "confirm the new key with its operator"
        )
    reached = _follow_handovers(known, handovers[start:])
    if not primitives.equal(reached, shown):
        raise BadHandover("the relay's handovers lead to another key than the one it shows")
    return shown


def _follow_handovers(reached: RelayPublicKey, handovers: Sequence[Handover]) -> RelayPublicKey:
    day = 0
    for record in handovers:
        if record.old_key != reached:
            raise BadHandover("a relay handover starts from another key than the one reached")
        if record.issue_day < day:
            raise BadHandover("a relay handover is dated before the one it follows")
        try:
            primitives.ed25519_verify(record.old_key, record.signed_bytes(), record.signature)
        except BadSignature:
            raise BadHandover("a relay handover is not signed by the key it hands over") from None
        reached, day = record.new_key, record.issue_day
    return reached
