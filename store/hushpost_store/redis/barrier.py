"""Waiting for replicas, once for all that was written together (docs/spec/store.md, "Durable").

`WAITAOF`, where the server has it, answers how many replicas have synced what this connection
wrote; `WAIT` how many have taken it. A replica with `appendfsync always` acknowledges after its
sync, so there both say the same; the probe sees to that setting. The connection waits with them:
what is written meanwhile is the next group.

A replica that is asked for what it has synced answers with what it knew before the question, and
tells the rest by itself a second later (Valkey 8.0.1). So `WAIT` goes first: its answer comes after
the sync, and `WAITAOF` is then told the truth at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hushpost_store.redis.command import Answer, Command


@dataclass(frozen=True, slots=True)
class Barrier:
    """How many replicas must have it, within what time, and how this server is asked."""

    replicas_min: int
    milliseconds_max: int
    has_waitaof: bool

    @property
    def arguments(self) -> tuple[bytes | int, ...]:
        """Return the command that waits."""
        if self.has_waitaof:
            return (b"WAITAOF", 1, self.replicas_min, self.milliseconds_max // 2)
        return (b"WAIT", self.replicas_min, self.milliseconds_max)

    def holds(self, answer: Answer) -> bool:
        """Whether so many replicas have it; a connection that ended says no."""
        match answer:
            case int(replicas):
                return replicas >= self.replicas_min
            case [1, int(replicas)]:
                return replicas >= self.replicas_min
            case _:
                return False

    def after(self, commands: Sequence[Command]) -> list[Command]:
        """Return what is to be written behind these commands: nothing, if none of them asks."""
        asking = [command for command in commands if command.on_durable is not None]
        if not asking:
            return []

        def answered(answer: Answer) -> None:
            is_durable = self.holds(answer)
            for command in asking:
                # One that was sent elsewhere is waited for there.
                if command.is_answered and command.on_durable is not None:
                    command.on_durable(is_durable)

        last = Command(self.arguments, None, answered)
        if not self.has_waitaof:
            return [last]
        first = (b"WAIT", self.replicas_min, self.milliseconds_max // 2)
        return [Command(first, None, lambda _: None), last]
