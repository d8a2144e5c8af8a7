"""The own account of this device: its keys, its device list, its mailbox (docs/spec/identity.md).

One row in the vault holds the secrets; no `repr` shows them. The chain of own list heads is kept to
recognise what contacts claim to have seen of us (docs/spec/content.md, 8).
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from hushpost_crypto.device_list import issue_first, issue_next
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import AccountKey, DeviceKey, IdentityKey, RecoveryKey, device_entry
from hushpost_crypto.pqxdh import LocalDevice
from hushpost_crypto.recovery_words import recovery_words
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    DROP_SECRET_BYTES,
    ROUTE_BYTES,
    AccountId,
    DeviceId,
    DropSecret,
    ListHead,
    Route,
)
from hushpost_wire.records import DeviceList, Genesis
from pydantic import ConfigDict

from hushpost.content import ListView
from hushpost.engine.desk import Desk, Random
from hushpost.engine.ledger import Table
from hushpost.engine.shelf import ROW_CONFIG, Shelf
from hushpost.errors import VaultDamaged

# As many heads as a relay keeps lists: what a contact names beyond that is too old to judge.
HEADS_KEPT: Final = 64
# Well before the 30 days after which contacts are warned of a stale list.
REISSUE_DAYS: Final = 20

_KEY: Final = b"self"


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """Everything this device is. Only the vault sees the secret fields."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    account_seed: bytes = field(repr=False)
    device_seed: bytes = field(repr=False)
    identity_seed: bytes = field(repr=False)
    genesis_bytes: bytes
    list_bytes: bytes
    heads: tuple[tuple[int, ListHead], ...]
    host: Host
    route: Route
    knock_secret: DropSecret | None = field(repr=False)
    name: str = ""
    read_receipts: bool = True
    send_times: bool = True
    # Counts logins that brought mail; tells a replay from a redelivery (content.md, 8).
    login_number: int = 0
    # The last login that brought an envelope never seen before.
    fresh_login: int = 0
    # Names the relay's store; another one means that the relay came back from a backup.
    generation: bytes = b""
    # The relay knows it, and whoever called `Client.create` was given it.
    registered: bool = False
    # The day of the last rotation of signed prekey and seal key that was queued; 0: none yet.
    rotated_day: int = 0
    # The hour of the last hourly sweep.
    swept_hour: int = 0
    # The day on which the app was told that two clocks differ.
    clock_told_day: int = 0
    # How often the sessions of others were tried for an envelope that does not open: (hour, times).
    searches: tuple[int, int] = (0, 0)

    @property
    def genesis(self) -> Genesis:
        """The genesis record."""
        return Genesis.from_bytes(self.genesis_bytes)

    @property
    def device_list(self) -> DeviceList:
        """The newest list of this account."""
        return DeviceList.from_bytes(self.list_bytes)

    @property
    def account_id(self) -> AccountId:
        """The account's id."""
        return self.genesis.account_id()

    @property
    def device_id(self) -> DeviceId:
        """The id of this device."""
        return device_entry(self.device_key, IdentityKey(self.identity_seed)).device_id()

    @property
    def device_key(self) -> DeviceKey:
        """The key that signs logins and prekeys."""
        return DeviceKey(self.device_seed)

    @property
    def account_key(self) -> AccountKey:
        """The key that signs device lists."""
        return AccountKey(self.account_seed)

    @property
    def view(self) -> ListView:
        """What every inner message says about the own list."""
        version, head = self.heads[-1]
        return ListView(version, head)

    def local_device(self) -> LocalDevice:
        """Give what a session needs of this device."""
        identity_key = IdentityKey(self.identity_seed)
        entry = device_entry(self.device_key, identity_key)
        return LocalDevice(self.genesis, self.device_list, entry, identity_key)


_SHELF: Final = Shelf(Table.ACCOUNT, OwnAccount)


def create_account(
    desk: Desk, *, host: Host, knocks: bool = True, name: str = ""
) -> tuple[OwnAccount, tuple[str, ...]]:
    """Make all keys of a new account and its first list; gives it and the recovery words.

    The words are in no row: show them once. Nothing is known to a relay yet.
    """
    random: Random = desk.random
    recovery = RecoveryKey.generate(random)
    account_key, device_key = AccountKey.generate(random), DeviceKey.generate(random)
    identity_key = IdentityKey.generate(random)
    genesis = make_genesis(account_key, recovery)
    entry = device_entry(device_key, identity_key)
    device_list = issue_first(account_key, genesis, entry, today=desk.day)
    own = OwnAccount(
        account_seed=account_key.seed,
        device_seed=device_key.seed,
        identity_seed=identity_key.seed,
        genesis_bytes=genesis.to_bytes(),
        list_bytes=device_list.to_bytes(),
        heads=((device_list.version, device_list.head()),),
        host=host,
        route=Route(random(ROUTE_BYTES)),
        knock_secret=DropSecret(random(DROP_SECRET_BYTES)) if knocks else None,
        name=name,
    )
    save_own(desk, own)
    return own, recovery_words(recovery)


def own_account(desk: Desk) -> OwnAccount:
    """Give this device's account; every vault of a client has one."""
    own = _SHELF.get(desk.ledger, _KEY)
    if own is None:
        raise VaultDamaged("this vault holds no account; create one with Client.create")
    return own


def is_finished(desk: Desk) -> bool:
    """Whether the making of the account came to its end; false where there is none."""
    own = _SHELF.get(desk.ledger, _KEY)
    return own is not None and own.registered


def save_own(desk: Desk, own: OwnAccount) -> None:
    """Store the account row."""
    _SHELF.put(desk.ledger, _KEY, own)


def reissue_list(desk: Desk) -> bool:
    """Issue the next device list when the newest is old; True if there is one to publish."""
    own = own_account(desk)
    current = own.device_list
    if desk.day - current.issue_day < REISSUE_DAYS:
        return False
    following = issue_next(own.account_key, own.genesis, current, current.entries, today=desk.day)
    heads = (*own.heads, (following.version, following.head()))[-HEADS_KEPT:]
    save_own(desk, replace(own, list_bytes=following.to_bytes(), heads=heads))
    return True
