"""What an operator or a test may set about the SQLite store (docs/spec/store.md, "SQLite")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SqliteOptions:
    """Settings of the SQLite store; the defaults keep the deletion bound of 30 seconds."""

    # An envelope goes, zero-padded, into the table of the smallest bucket that holds it.
    bucket_sizes: tuple[int, ...] = (4096, 16384)
    # A third of the deletion bound: one checkpoint may be busy and one may be late.
    checkpoint_seconds: float = 10.0
    # What is asked again when a reader kept the write-ahead log from being truncated.
    checkpoint_retry_seconds: float = 1.0
    # Uncommitted envelopes in memory: refused with RETRY above, and senders are no longer read
    # above half of it.
    intake_bytes_max: int = 32 << 20
    # One transaction: enough to hide a slow sync, small enough that the first does not wait long.
    group_bytes_max: int = 4 << 20
    # A 4096-byte envelope with its columns lies in one overflow page and an eighth of a leaf.
    page_bytes: int = 4096
    # Pages of write-ahead log before SQLite copies it back: 32 MiB. Below, every burst is copied
    # many times; above, the next truncation takes longer than a tenth of a second.
    log_pages: int = 8192
    # Memory for pages: the largest group must not spill before it commits.
    page_cache_bytes: int = 32 << 20
    # Mailboxes, drops and queued ids known to admission; some 250 bytes each.
    cache_entries_max: int = 400_000
    # Routes known to name no mailbox, so that guessing does not reach the disk each time.
    unknown_routes_max: int = 16_384
    # Up to this size the rows of envelopes, too, are looked at when a store opens: a second or two.
    examined_bytes_max: int = 1 << 30
    # For tests of a full disk: SQLite reports one beyond so many pages. 0: no limit.
    pages_max: int = 0
