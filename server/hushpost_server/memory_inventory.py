"""What the memory of a running relay holds for longer than one connection, listed by hand.

And, at its end, what connections hold: as long as each lasts. Nothing here is ever written down; a
relay that stops has forgotten it. The list cannot rot unseen: a test walks a relay that was used
and compares the attributes it finds with `places`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hushpost_store.policy_clauses import Clause


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that memory holds, with the attributes that hold it (`module.Class.attribute`).

    `tells` is what it would tell somebody who reads the memory about one account; empty: nothing.
    """

    name: str
    purpose: str
    bound: str
    retention: str
    clause: Clause
    places: tuple[str, ...]
    tells: str = ""


_PROCESS: Final = "until the relay stops"
_COMMIT: Final = "until its commit, milliseconds later"

HELD: Final = (
    Held(
        "presence",
        "delivers at once to who is connected, and closes a session that a second login displaces",
        "one a mailbox; connections_max",
        "as long as the connection",
        Clause.SERVICE,
        ("presence.Presence.feeds", "presence.Presence._sessions", "presence.Presence._devices"),
        tells="which of its devices are connected now, and which connection is theirs",
    ),
    Held(
        "login epochs",
        "tells acknowledgements of a session that ended from those of the present one",
        "one a mailbox that is logged in",
        "as long as the connection",
        Clause.SERVICE,
        ("sqlite.store.SqliteStore._epochs", "sqlite.store.SqliteStore._epochs_begun"),
        tells="that its device is logged in, in which order with others",
    ),
    Held(
        "open connections",
        "sends, reads and ends them; the operating system knows the address at the other end",
        "connections_max, and 64 that are being turned away",
        "as long as the connection",
        Clause.USAGE,
        (
            "reception.Reception._connections",
            "reception.Reception._sessions",
            "reception.Reception._slots",
            "reception.Reception._dirty",
            "reception.Reception._number",
            "turnstile.Turnstile._waiting",
            "unsent.Unsent._slow",
            "health.HealthServer._open",
        ),
        tells="with presence: the address from which its device is connected",
    ),
    Held(
        "allowances of address prefixes",
        "bounds what one network may do, without knowing whose it is",
        "65,536 prefixes, the longest unused go first",
        "an hour: then the random key of the names is replaced and all is forgotten",
        Clause.SECURITY,
        (
            "rate_limits.PrefixTable._entries",
            "rate_limits.PrefixTable._key",
            "rate_limits.PrefixTable._rotated",
        ),
    ),
    Held(
        "takes of prekeys",
        "bounds how fast strangers may use an account's prekeys up",
        "65,536 accounts, the longest unused go first",
        "an hour: then the random key of the names is replaced and all is forgotten",
        Clause.SECURITY,
        (
            "take_limits.TakeLimits._buckets",
            "take_limits.TakeLimits._key",
            "take_limits.TakeLimits._rotated",
        ),
        tells="how often strangers asked for its prekeys within the hour; not who",
    ),
    Held(
        "mailboxes known to admission",
        "decides about an envelope without reading the disk: hashes of drops, ids, sizes and"
        " counts of what is queued",
        "400,000 entries, the longest unused mailboxes go first; 16,384 unknown routes",
        "until they go for others, or the relay stops",
        Clause.SERVICE,
        (
            "sqlite.mailbox_cache.MailboxCache._mailboxes",
            "sqlite.mailbox_cache.MailboxCache._unknown",
            "sqlite.mailbox_cache.MailboxCache.entries",
            "sqlite.loader.MailboxLoader._loads",
        ),
        tells="what its mailbox's stored rows tell, and in which order mailboxes were used lately",
    ),
    Held(
        "envelopes on their way to the disk",
        "commits many at once",
        "32 MiB",
        f"{_COMMIT}; in the quiet profile until acknowledged or the next commit",
        Clause.UNDELIVERED,
        (
            "sqlite.intake.Intake._pending",
            "sqlite.intake.Intake._held",
            "sqlite.intake.Intake._held_bytes",
            "sqlite.intake.Intake.kept_back",
            "sqlite.intake.KeptBack.entries",
            "sqlite.intake.KeptBack.unerased",
            "sqlite.commit_hold.SqliteCommitHold._cut_off",
            "sqlite.writer.Writer._steps",
            "sqlite.writer.Writer._held",
            "sqlite.writer.Writer._cut_off",
            "sqlite.writer.Writer._waiting",
            "sqlite.writer.Writer._open_batch",
            "sqlite.writer.Writer._between",
            "sqlite.database.Captured.work",
        ),
        tells="sealed envelopes for it of this moment, and the connection that posted each",
    ),
    Held(
        "answers that wait for a tick",
        "lets no answer tell by its time why it was given",
        "what connections may have in flight",
        "a tick: a fraction of a second",
        Clause.SECURITY,
        (
            "refusal_tick.RefusalTick._waiting",
            "decisions.Decisions._asking",
            "services.Services.tasks",
            "answer_tick.AnswerTick._arriving",
            "answer_tick.AnswerTick._commits",
            "answer_tick.AnswerTick._line",
            "answer_tick.AnswerTick._waiting",
        ),
        tells="the connections that post at this moment; not to whom, but by what they carry",
    ),
    Held(
        "damaged rows",
        "counts in health what the disk damaged, each row once",
        "the rows of the database; 8 bytes of a hash each",
        _PROCESS,
        Clause.MONITORING,
        ("sqlite.row_digest.Damage.broken", "sqlite.row_digest.Damage.rows"),
    ),
    Held(
        "the last read",
        "takes what a connection sent; overwritten at once",
        "one buffer",
        "none: zeros between two reads",
        Clause.UNDELIVERED,
        ("receive_buffer.ReceiveBuffer.memory",),
    ),
    Held(
        "figures",
        "health and metrics: sums over all mailboxes",
        "fixed",
        _PROCESS,
        Clause.MONITORING,
        (
            "metrics.Counter.value",
            "metrics.Metrics._counters",
            "sqlite.census.Census.accounts",
            "sqlite.census.Census.queued_bytes",
            "sqlite.census.Census.queued_envelopes",
            "sqlite.intake.Intake.queued_bytes",
            "sqlite.intake.Intake.queued_envelopes",
            "sqlite.intake.Intake.withdrawn",
            "sqlite.writer.Writer.pending_bytes",
            "sqlite.writer.Writer.pending_envelopes",
            "sqlite.writer.WriterFigures.commit_seconds",
            "sqlite.writer.WriterFigures.commits",
            "sqlite.writer.WriterFigures.committed",
            "sqlite.writer.WriterFigures.failed",
            "sqlite.writer.WriterFigures.faulty",
            "sqlite.checkpointer.Checkpointer.busy",
            "sqlite.checkpointer.Checkpointer.checkpoints",
            "reception.Reception._turned_away",
            "sweeper.Sweeper.failing",
            "memory.MemoryStore._committed",
        ),
    ),
    Held(
        "age of the oldest deletion",
        "shows in health that the deletion bound is kept",
        "three times",
        "until the deletion is finished",
        Clause.RETENTION,
        (
            "sqlite.deletion_clock.DeletionClock._asked",
            "sqlite.deletion_clock.DeletionClock._logged",
            "sqlite.deletion_clock.DeletionClock._writing",
        ),
    ),
    Held(
        "the relay's own secrets",
        "signs logins; admits registrations by token",
        "one key; 10,000 tokens",
        _PROCESS,
        Clause.ACCESS,
        (
            "identity.RelayIdentity.seed",
            "identity.RelayIdentity.handovers",
            "services.Services.tokens",
            "sqlite.census.Census.generation",
        ),
    ),
    Held(
        "headers of frames",
        "makes the header of a frame, or the layout of a list of numbers, once a length",
        "1,024 lengths; 1,024 counts",
        _PROCESS,
        Clause.SERVICE,
        ("hushpost_server.frame_header.frame_header", "hushpost_wire.frames._numbers"),
    ),
    Held(
        "everything, with the store in memory",
        "what the database would hold, under the same bounds",
        "as the database",
        "as the database, and at the latest until the relay stops",
        Clause.SERVICE,
        (
            "memory.MemoryStore._accounts",
            "memory.MemoryStore._epochs",
            "memory.MemoryStore._generation",
            "memory.MemoryStore._mailboxes",
            "memory_accounts.MemoryAccounts._accounts",
        ),
        tells="what the database would, in a relay that has none",
    ),
    # Not attributes of ours: nothing walks them.
    Held(
        "pages of the database",
        "SQLite's cache, and the statements it last ran with their values",
        "32 MiB",
        "until overwritten by other pages, or the relay stops",
        Clause.UNDELIVERED,
        (),
        tells="what its stored rows tell, and remains of rows that were deleted from the files",
    ),
    Held(
        "freed memory",
        "none: what Python and the libraries gave back and nothing has overwritten yet",
        "the size of the process",
        "until overwritten, or the relay stops; the canary scan measures what remains",
        Clause.RETENTION,
        (),
        tells="remains of sealed envelopes; no plaintext, which never was there",
    ),
    Held(
        "buffers of the network",
        "the operating system's and TLS's: what was received or is to be sent, and addresses",
        "write_buffer_bytes_max and the system's own bounds, a connection",
        "as long as the connection",
        Clause.USAGE,
        (),
        tells="for a connection that presence names: address, and sealed envelopes on their way",
    ),
)
