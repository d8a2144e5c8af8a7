"""The store in one SQLite file (docs/spec/store.md, "SQLite")."""

from hushpost_store.sqlite.backup import restore
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.store import SqliteStore

__all__ = ["SqliteOptions", "SqliteStore", "restore"]
