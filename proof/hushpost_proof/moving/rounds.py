"""Moving the same store again and again, each time killed on the way and begun again.

Judged by reading both stores anew, past the command: what the command says of itself counts for
nothing. After each kill no relay could have started where it would have accepted what is not, or
would not be, in the other place.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from hushpost_demo.redis_servers import RedisServer, redis_server
from hushpost_store.contents import Exporting
from hushpost_store.contents_digest import chained, digest_damaged
from hushpost_store.redis import arrival, migration_mark
from hushpost_store.redis.export import RedisExport
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl
from hushpost_store.sqlite.export import opened
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from hushpost_proof.harness.lives import Beginner, nursery
from hushpost_proof.harness.mortal_migration import (
    DEFECT_VARIABLE,
    KILL_VARIABLE,
    STEPS_VARIABLE,
)
from hushpost_proof.moving.town import build

PROGRAM: Final = "hushpost_proof.harness.mortal_migration"
_KILLED: Final = -9
# More in one round would be killed near its beginning each time.
_KILLS_A_ROUND: Final = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How often to kill a migration of how much."""

    seed: int
    kills: int
    people: int = 16
    envelopes: int = 80
    now: float = 0.0
    defect: str = ""


@dataclass(slots=True)
class Outcome:
    """What was seen. `problems` names everything that must not be."""

    kills: int = 0
    rounds: int = 0
    steps: int = 0
    accounts: int = 0
    envelopes: int = 0
    killed_in: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])


async def run(plan: Plan, folder: Path) -> Outcome:
    """Build a store, and move it until so many migrations were killed."""
    random = Random(plan.seed)
    original = folder / "original.db"
    await build(original, random, plan.people, plan.envelopes, plan.now)
    async with redis_server(folder / "redis") as redis, nursery() as begin:
        mover = Mover(folder / "data", original, redis, begin, plan.defect)
        outcome = Outcome()
        # The first round lives, and tells how many steps there are.
        await mover.round(outcome, [0])
        outcome.steps = mover.steps()
        while outcome.kills < plan.kills and not outcome.problems:
            count = min(random.randint(1, _KILLS_A_ROUND), plan.kills - outcome.kills)
            kills = [_step(random, outcome.steps) for _ in range(count)]
            await mover.round(outcome, [*kills, 0])
    return outcome


def _step(random: Random, steps: int) -> int:
    """Choose a step; a third lie near the beginning or the end, where the marks are set."""
    chosen = random.randint(1, steps)
    near = random.randint(0, 40)
    return random.choice((chosen, chosen, random.choice((1 + near, max(1, steps - near)))))


@dataclass(slots=True)
class Mover:
    """One data folder and one Redis, used for every round."""

    folder: Path
    original: Path
    redis: RedisServer
    begin: Beginner
    defect: str
    _wanted: tuple[bytes, int, int] | None = None

    @property
    def database(self) -> Path:
        """The database of this round."""
        return self.folder / "relay.db"

    async def round(self, outcome: Outcome, kills: Sequence[int]) -> None:
        """Move the store from its beginning, killed at each of these steps (0: not at all)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        shutil.copyfile(self.original, self.database)
        shards = await self._connected()
        try:
            await shards.ask_server(shards.primaries[0], b"FLUSHALL")
            for kill_at in kills:
                status = await self._live(kill_at)
                if status == _KILLED:
                    outcome.kills += 1
                    await self._look_between(shards, outcome)
                elif status:
                    outcome.problems.append(
                        f"a migration ended with status {status}: {self._log()}"
                    )
                    return
            await self._judge(shards, outcome)
        finally:
            await shards.close()
        outcome.rounds += 1

    def steps(self) -> int:
        """Return how many steps the last life took that was not killed."""
        return int((self.folder / "steps").read_text("ascii"))

    async def _connected(self) -> Shards:
        shards = Shards(RedisUrl.parse(self.redis.url), RedisOptions(self.redis.url))
        await shards.open()
        return shards

    async def _live(self, kill_at: int) -> int:
        environment: Mapping[str, str] = {
            **os.environ,
            KILL_VARIABLE: str(kill_at),
            STEPS_VARIABLE: str(self.folder / "steps"),
            DEFECT_VARIABLE: self.defect,
        }
        with (self.folder / "migrate.log").open("ab") as log:
            life = await self.begin(
                PROGRAM,
                ["migrate", "--from", f"sqlite:{self.database}", "--to", self.redis.url],
                folder=self.folder,
                environment=environment,
                errors=log,
            )
            return await life.wait()

    def _log(self) -> str:
        return (self.folder / "migrate.log").read_text(errors="replace")[-500:]

    async def _look_between(self, shards: Shards, outcome: Outcome) -> None:
        """Judge what a kill left: which of the two stores a relay could be started on."""
        mark, there = read_mark(self.database), await migration_mark.read(shards)
        phase = f"{mark.state if mark else 'none'}/{there.state if there else 'none'}"
        outcome.killed_in[phase] = outcome.killed_in.get(phase, 0) + 1
        serves_sqlite = mark is None
        serves_redis = there is None or there.state is migration_mark.ArrivalState.DONE
        if serves_sqlite and await arrival.holds_anything(shards):
            outcome.problems.append(f"{phase}: the old store serves, and Redis holds mail already")
        if there is not None and serves_redis and (mark is None or mark.state is MoveState.GOING):
            outcome.problems.append(f"{phase}: both stores would serve")

    async def _judge(self, shards: Shards, outcome: Outcome) -> None:
        """Read both stores, and compare all that is in them."""
        if self._wanted is None:
            self._wanted = await _whole(self.original, None)
        outcome.accounts, outcome.envelopes = self._wanted[1:]
        found = await _whole(self.database, RedisExport(shards))
        if found != self._wanted:
            outcome.problems.append(
                f"Redis has {found[1]} accounts and {found[2]} envelopes of {self._wanted[1]} and"
                f" {self._wanted[2]}, or others"
            )
        if (await arrival.counted(shards))[0] != self._wanted[1]:
            outcome.problems.append("Redis has accounts that nobody sent")
        mark = read_mark(self.database)
        if mark is None or mark.state is not MoveState.DONE:
            outcome.problems.append("the old store could be served after the migration")


async def _whole(database: Path, there: Exporting | None) -> tuple[bytes, int, int]:
    """Return digest, accounts and envelopes of a database, or of a store that holds the same."""
    digest, accounts, envelopes = b"", 0, 0
    async with opened(database) as source:
        for account_id in await source.account_ids(b"", 1_000_000):
            found = await digest_damaged(there or source, account_id)
            if found is not None:
                digest = chained(digest, found)
                accounts += 1
                envelopes += found.envelopes
    return digest, accounts, envelopes
