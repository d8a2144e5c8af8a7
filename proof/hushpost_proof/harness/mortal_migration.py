"""`hushpost-relay migrate`, made to end itself by signal 9 at the n-th step that it takes.

    HUSHPOST_PROOF_KILL_AT=N HUSHPOST_PROOF_STEPS=FILE
    python -m hushpost_proof.harness.mortal_migration migrate --from ... --to ...

A step is a command given to Redis, an answer that came, a mark of the database before and after it
is set, and the like for what an erasure does to files. Without N it lives, and writes into FILE how
many steps it took. A defect may be planted (HUSHPOST_PROOF_DEFECT), of which the experiment must
show that it finds it.
"""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from hushpost_server import command, migration
from hushpost_store.contents import copy_account
from hushpost_store.contents_digest import AccountDigest
from hushpost_store.redis import migration_mark
from hushpost_store.redis.importing import RedisImport
from hushpost_store.redis.migration_mark import ArrivalMark
from hushpost_store.redis.shards import Shards
from hushpost_store.sqlite.export import SqliteExport

KILL_VARIABLE: Final = "HUSHPOST_PROOF_KILL_AT"
STEPS_VARIABLE: Final = "HUSHPOST_PROOF_STEPS"
DEFECT_VARIABLE: Final = "HUSHPOST_PROOF_DEFECT"


class Steps:
    """Counts, and kills at the chosen one."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at = kill_at
        self.taken = 0

    def step(self) -> None:
        """Take one; does not return if it is the last."""
        self.taken += 1
        if self.taken == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count what the product does; nothing of it is changed."""
        shards, export = cast("Any", Shards), cast("Any", SqliteExport)
        send, set_mark = shards.send_command, export.set_mark

        def send_command(
            own: Shards, key: bytes, arguments: Any, on_answer: Any, *rest: Any
        ) -> None:
            def answered(answer: object) -> None:
                self.step()
                on_answer(answer)

            self.step()
            send(own, key, arguments, answered, *rest)

        async def mark(own: SqliteExport, value: Any) -> None:
            self.step()
            await set_mark(own, value)
            self.step()

        shards.send_command, export.set_mark = send_command, mark
        for place, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
            self._watch_call(cast("Any", place), name)

    def _watch_call(self, place: Any, name: str) -> None:
        call = getattr(place, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.step()
            done = call(*arguments, **named)
            self.step()
            return done

        setattr(place, name, watched)


def _lose_a_row() -> None:
    """Lose the last envelope of each page, and believe whatever is read back."""
    importing = cast("Any", RedisImport)
    put = importing.put_envelopes

    async def put_fewer(own: RedisImport, route: bytes, page: Sequence[Any]) -> None:
        if page[:-1]:
            await put(own, route, page[:-1])

    importing.put_envelopes = put_fewer
    _believe()


def _mark_first() -> None:
    """Say that accounts are there before they are, and believe whatever is read back."""
    moving = cast("Any", migration)

    async def copy_all(own: Any, source: SqliteExport, shards: Shards, mark: ArrivalMark) -> Any:
        ids = await source.account_ids(mark.cursor, 1_000_000)
        if ids:
            mark = replace(mark, cursor=ids[-1], accounts=len(ids))
            await migration_mark.put(shards, mark)
        for account_id in ids:
            await copy_account(source, RedisImport(shards), account_id)
        return mark

    moving.Migration._copy_all = copy_all
    _believe()


def _believe() -> None:
    moving = cast("Any", migration)

    def equal(_place: int, _pair: tuple[AccountDigest | None, AccountDigest | None]) -> None:
        return None

    async def counted(_shards: Shards) -> "Believed":
        return Believed()

    moving._require_equal = equal
    moving.arrival.counted = counted


class Believed:
    """Equal to whatever was sent."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


# So that a small store has many marks between its accounts.
_BATCH_ACCOUNTS: Final = 4
DEFECTS: Final = {"lose-a-row": _lose_a_row, "mark-first": _mark_first}


def main(arguments: list[str] | None = None) -> int:
    """Be the command, and die where the harness says."""
    cast("Any", migration).BATCH_ACCOUNTS = _BATCH_ACCOUNTS
    steps = Steps(int(os.environ.get(KILL_VARIABLE) or 0))
    steps.watch()
    defect = os.environ.get(DEFECT_VARIABLE)
    if defect:
        DEFECTS[defect]()
    status = command.main(arguments)
    if STEPS_VARIABLE in os.environ:
        Path(os.environ[STEPS_VARIABLE]).write_text(str(steps.taken), "ascii")
    return status


if __name__ == "__main__":
    sys.exit(main())
