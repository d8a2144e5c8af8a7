"""The genesis record: made once, then known by its hash (docs/spec/identity.md, section 3)."""

from hushpost_wire.errors import MalformedRecord
from hushpost_wire.records import AccountId, Genesis

from hushpost_crypto import primitives
from hushpost_crypto.errors import AccountMismatch, RecordMalformed
from hushpost_crypto.keys import AccountKey, RecoveryKey


def make_genesis(account_key: AccountKey, recovery_key: RecoveryKey) -> Genesis:
    """Make the record of a new account. Show the recovery words and then forget the key."""
    return Genesis(account_key.public_key(), recovery_key.commitment())


def read_genesis(data: bytes, account_id: AccountId) -> Genesis:
    """Parse and verify what a relay says is the genesis record of `account_id`.

    Raises `RecordMalformed`, `AccountMismatch` (the relay serves somebody else's keys) or `BadKey`.
    """
    try:
        genesis = Genesis.from_bytes(data)
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None
    verify_genesis(genesis, account_id)
    return genesis


def verify_genesis(genesis: Genesis, account_id: AccountId) -> None:
    """Raise unless this is the record that `account_id` is the hash of, with a sound key."""
    if not primitives.equal(genesis.account_id(), account_id):
        raise AccountMismatch("the genesis record does not hash to the account id of the address")
    primitives.ed25519_check_public_key(genesis.account_key)
