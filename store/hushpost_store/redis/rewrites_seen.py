"""What one relay has seen of the rewrites of a server, whoever asked for them.

A rewrite takes out what was deleted before it began. When it began is not told, only how many there
were: so it began after the last look at which there was one less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hushpost_store.redis.server_log import ServerLog


@dataclass(frozen=True, slots=True)
class RewritesSeen:
    """How many rewrites a server has begun, and after which looks the last two of them were."""

    looked: float
    rewrites: int
    last_after: float = -math.inf
    one_before_after: float = -math.inf

    @classmethod
    def at(cls, log: ServerLog, now: float, before: RewritesSeen | None) -> RewritesSeen:
        """Look now, and remember what the look before saw."""
        if before is None or log.rewrites < before.rewrites:
            return cls(now, log.rewrites)
        if log.rewrites == before.rewrites:
            return replace(before, looked=now)
        is_next = log.rewrites == before.rewrites + 1
        earlier = before.last_after if is_next else before.looked
        return cls(now, log.rewrites, before.looked, earlier)

    def taken_out(self, log: ServerLog) -> float:
        """Return until when what was deleted is out of the log: before a rewrite that has ended."""
        if not log.is_whole:
            return -math.inf
        return self.last_after if log.is_idle else self.one_before_after
