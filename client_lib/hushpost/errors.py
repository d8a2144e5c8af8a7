"""The error tree of the client library: what an app developer may catch, and what to do about it.

Three branches answer three questions. `MisuseError`: the calling code is wrong, mend it.
`VaultError` and `RelayError`: the surroundings are wrong (a file, a disk, a relay), the message
tells what to try. `PeerError`: somebody else's bytes broke the protocol; nothing of one's own state
was changed. Towards the network nothing of this is ever sent.
"""

from hushpost.retry import NO_PAUSE, Pause


class HushpostError(Exception):
    """Root of everything this library raises on purpose."""


class MisuseError(HushpostError):
    """The calling code asked for something that cannot be; nothing was changed."""


# -- the vault -------------------------------------------------------------------------------


class VaultError(HushpostError):
    """Something about the vault file, never about the network."""


class VaultMissing(VaultError):
    """There is no vault at that path: create one, or correct the path."""


class VaultExists(VaultError):
    """There is a file at that path already: open it, or choose another path."""


class VaultUnfinished(VaultError):
    """Making the account was cut off before anyone was told its address or its recovery words.

    Nothing is lost with it: call `Client.create` again with the same path and secret.
    """


class VaultLocked(VaultError):
    """The passphrase (or the key) does not open this vault: ask the person again."""


class VaultInUse(VaultError):
    """Another client has this vault open: close that one first. Two would reuse ratchet keys."""


class VaultDamaged(VaultError):
    """Stored bytes are not what this vault wrote. They are reported and never served."""


class VaultFull(VaultError):
    """The disk refused the write. The vault stands as it was: make room and do the same again."""


class VaultUncertain(VaultError):
    """The disk failed in the middle of storing: what came of it shows when it is opened again.

    The vault refuses everything until then. Close the client and open it again.
    """


class VaultNewer(VaultError):
    """A newer release of hushpost wrote this vault: update the app."""


# -- the relay -------------------------------------------------------------------------------


class RelayError(HushpostError):
    """Something about a relay or the way to it. What was sealed stays in the outbox."""


class RelayUnreachable(RelayError):
    """No connection to the relay. The client tries again by itself; check address and network."""

    pause: Pause = NO_PAUSE
    """What the relay asked of who comes back; the client keeps to it."""


class RelayIdentityChanged(RelayError):
    """The relay shows another identity key, and no signed handover leads to it.

    Either the operator lost the key or somebody stands between. Ask the operator by another way.
    """


class RelayMisbehaved(RelayError):
    """The relay broke the protocol; the connection was closed. Report it to the operator."""


class RelayRefused(RelayError):
    """The relay understood and said no."""


class LoginRefused(RelayRefused):
    """The relay does not let this device in: the account was deleted or never registered there."""


class LoginDisplaced(RelayRefused):
    """The same device logged in elsewhere: a copy of the vault runs. Find it before going on."""


class RegistrationRefused(RelayRefused):
    """The relay does not register this account: its registration is closed or wants a token."""


class RelayVersionUnknown(RelayRefused):
    """Relay and client share no protocol version: update whichever is older."""


# -- other people ----------------------------------------------------------------------------


class PeerError(HushpostError):
    """Bytes made by somebody else broke the protocol. Nothing of one's own state was changed."""


class PeerUnreachable(PeerError):
    """There is no way to post to this person yet; the message says what to ask them for."""


class HostUnconfirmed(HushpostError):
    """A relay that is not your own would learn your IP address: ask the person first.

    Then call again with ``trust_host=True``. ``host`` is the relay in question.
    """

    def __init__(self, host: str) -> None:
        super().__init__(
            f"posting to the relay {host} shows it your IP address (a SOCKS proxy hides it);"
            " ask the person, then call again with trust_host=True"
        )
        self.host = host
