"""What a server says about its append-only log, and whether anything was deleted since.

A server counts how often each command ran. As long as none of those that delete was run since its
last rewrite began, nothing deleted is in its log; whoever ran them, and on whatever server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.shards import Shards

_SECTIONS: Final = (b"server", b"persistence", b"stats", b"commandstats")
# By which our scripts, Redis's own expiry and a primary's stream take something away.
_DELETING: Final = ("hdel", "del", "unlink", "zrem", "zremrangebyscore", "flushall", "flushdb")


@dataclass(frozen=True, slots=True)
class ServerLog:
    """One look at a server. `run_id` is drawn anew at each of its starts."""

    run_id: str
    is_kept: bool
    is_idle: bool
    # Whether the last rewrite, if there was one, was written to its end.
    is_whole: bool
    # Bytes appended since the last rewrite.
    grown: int
    # Changes with every deletion, and never comes back while the server runs.
    mark: str
    # How many rewrites were begun since the server's start; 0 where it does not say.
    rewrites: int = 0

    @classmethod
    def read(cls, info: str) -> ServerLog:
        """Read what `INFO` answered. Raises ServerError."""
        said = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        try:
            return cls(
                said["run_id"],
                said["aof_enabled"] == "1",
                said["aof_rewrite_in_progress"] == said["aof_rewrite_scheduled"] == "0",
                said["aof_last_bgrewrite_status"] == "ok",
                # Told only where a log is kept.
                int(said.get("aof_current_size", 0)) - int(said.get("aof_base_size", 0)),
                "/".join([said["expired_keys"], *(_calls(said, name) for name in _DELETING)]),
                int(said.get("aof_rewrites", 0)),
            )
        except (KeyError, ValueError) as error:
            raise ServerError("a server does not say how its log stands") from error


async def look(shards: Shards, server: Address) -> ServerLog:
    """Ask a server how its log stands. Raises StoreFault."""
    answer = await shards.ask_server(server, b"INFO", *_SECTIONS)
    return ServerLog.read(answers.blob(answer).decode(errors="replace"))


def _calls(said: dict[str, str], command: str) -> str:
    figures = said.get(f"cmdstat_{command}", "calls=0")
    return figures.partition(",")[0].removeprefix("calls=")
