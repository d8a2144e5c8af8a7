"""What the demo and the command raise themselves; all else is the client library's tree.

Every message is one line that says what to do next; `command` prints it and chooses the exit
status (docs/cli.md, "Exit statuses").
"""

from hushpost.errors import HushpostError


class CommandError(HushpostError):
    """Root of what the `hushpost` command raises itself."""


class ContactUnknown(CommandError):
    """No contact or knock answers to what was typed."""


class ContactAmbiguous(CommandError):
    """More than one contact answers to what was typed."""


class HostNotTrusted(CommandError):
    """A relay that is not one's own would learn the IP address, and the person did not agree."""


class PassphraseMissing(CommandError):
    """There is no terminal to ask on and no other source of the passphrase."""


class PassphraseFileUnusable(CommandError):
    """The file named for the passphrase cannot be read, or holds none."""


class PassphraseTooShort(CommandError):
    """A new passphrase is one that a thief of the vault would guess."""


class NotInTime(CommandError):
    """What was waited for did not happen in the time given; nothing is lost."""


class DemoError(CommandError):
    """Root of what goes wrong while the demo runs."""


class RelayNotStarted(DemoError):
    """The demo's relay process did not come up."""


class RedisMissing(DemoError):
    """The demo was asked for a cluster, and Redis or the library that speaks to it is absent."""


class RedisSilent(DemoError):
    """A Redis server of the demo gave no answer, or one that it should not give."""


class ScanFailed(DemoError):
    """The scanning process gave no report, so nothing may be said of leaks."""


class FactFailed(DemoError):
    """Something the demo shows was not so: the run proves nothing."""
