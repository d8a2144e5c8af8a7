"""Errors of the relay, the whole tree in one place.

Two branches: what the operator has to mend before the relay can run, and what a peer did wrong.
A message of the first branch names the thing, the bound and what to do; one of the second carries
a code of the closed set in docs/spec/wire.md and never repeats what the peer sent.
"""

from __future__ import annotations

from hushpost_wire.control import ErrorCode


class RelayError(Exception):
    """Anything this package raises on purpose."""


class OperatorError(RelayError):
    """The relay cannot run as asked; the message tells the operator what to change."""


class ConfigurationInvalid(OperatorError):
    """A configuration key is unknown, has the wrong type, or lies outside its bound."""


class ListenRefused(OperatorError):
    """The address cannot be listened on: taken, not ours, or not permitted."""


class TransportUnsafe(OperatorError):
    """Plain ws:// was asked for beyond loopback, or TLS cannot be set up (DESIGN 10)."""


class FolderUnusable(OperatorError):
    """The data folder cannot be made or written to."""


class StoreUnfit(OperatorError):
    """The store cannot do what the configuration asks of it."""


class IdentityUnusable(OperatorError):
    """The identity key file is missing beside existing data, malformed, or readable by others."""


class BackupFailed(OperatorError):
    """A backup or a restore could not be completed; nothing that existed was overwritten."""


class AccountUnclear(OperatorError):
    """What was given as an account is neither an address nor an account id."""


class ProductionFailed(OperatorError):
    """What is stored about an account could not be read whole; nothing was produced."""


class CheckFailed(OperatorError):
    """The database could not be looked at or repaired; it was left as it is."""


class MigrationFailed(OperatorError):
    """Mail could not be moved to another store; the message says what to do next."""


class PeerError(RelayError):
    """A peer broke the protocol or asked for what it may not have."""


class RequestRefused(PeerError):
    """A control request is answered with an `error` frame; the connection stays open."""

    def __init__(self, code: ErrorCode, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
