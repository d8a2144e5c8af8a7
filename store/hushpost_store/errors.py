"""What a store raises, as one tree (docs/spec/store.md, "Errors").

`StoreMisuse` says that the caller asked for something that cannot be; nothing was changed, and
asking again gives the same answer. `StoreFault` says that the storage beneath failed; nothing
of the operation is kept, and asking again later may succeed. A submission never raises: its
listener is told.
"""


class StoreError(Exception):
    """Root of everything this package raises."""


class StoreMisuse(StoreError):
    """The request contradicts what is stored; nothing was changed."""


class AccountExists(StoreMisuse):
    """An account of this id is already here."""


class AccountUnknown(StoreMisuse):
    """No account of this id is here, or it is being deleted."""


class DeviceUnknown(StoreMisuse):
    """The account has no device of this id."""


class RouteTaken(StoreMisuse):
    """The route names a mailbox already; the device must draw another one."""


class MailboxUnknown(StoreMisuse):
    """No mailbox has this route."""


class DeviceListConflict(StoreMisuse):
    """The list does not follow the one that is stored; load the account and look again."""


class DropsFull(StoreMisuse):
    """The mailbox holds as many drops as its quota allows; revoke one first."""


class DropConflict(StoreMisuse):
    """The drop, or its first 16 bytes, is registered already with another meaning."""


class PrekeysFull(StoreMisuse):
    """The device holds as many one-time prekeys as its quota allows."""


class StoreFault(StoreError):
    """The storage failed; nothing of the operation is kept."""


class StorageFull(StoreFault):
    """No space is left where the store writes: free some, then ask again."""


class StoreClosed(StoreFault):
    """The store is not open."""


class StoreInUse(StoreFault):
    """Another process has this store open: stop it, or name another file."""


class StoreNewer(StoreFault):
    """The file was written by a newer hushpost: upgrade, or restore a backup of this version."""


class StoreDamaged(StoreFault):
    """The file is no store of ours, or is damaged: restore a backup."""


class StoreMoved(StoreFault):
    """Its mail has moved to another store, or is on the way: the message says how to go on."""


class LookTooLong(StoreFault):
    """Reading beside a running store took too long and was broken off: try again, or stop it."""


class BackupExists(StoreFault):
    """The target of a backup exists already; a backup never overwrites."""


class BackupUnsupported(StoreMisuse):
    """There is nothing in a store of this kind that a backup could hold."""
