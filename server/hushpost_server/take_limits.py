"""How fast an account's one-time prekeys may be taken (DESIGN 4: takes are limited per account).

Otherwise a stranger empties the stock and everybody's first message falls back to the last-resort
key. In memory, bounded, and keyed by a hash under a random key that is replaced every hour, with
all that it named: what is held names nobody, and its holder learns nothing of the hour before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from hushpost_server.rate_limits import ROTATION_SECONDS, Rate, TokenBucket

# The accounts asked for most lately; an attacker who fills the table pays a take for each entry.
ACCOUNTS_MAX: Final = 65_536


class TakeLimits:
    """Token buckets by account."""

    __slots__ = ("_accounts_max", "_buckets", "_key", "_random", "_rate", "_rotated")

    def __init__(
        self,
        rate: Rate,
        *,
        now: float,
        random: Callable[[int], bytes],
        accounts_max: int = ACCOUNTS_MAX,
    ) -> None:
        self._rate = rate
        self._random = random
        self._rotated = now
        self._key = random(32)
        self._accounts_max = accounts_max
        self._buckets: OrderedDict[bytes, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def keys(self) -> tuple[bytes, ...]:
        """Return what stands for the accounts in memory: to show that it is no account id."""
        return tuple(self._buckets)

    def forget(self, now: float) -> None:
        """Forget everything once an hour; to be called now and then, also when nobody takes.

        An account's bucket is then full again, so that takes can at most double once an hour.
        """
        if now - self._rotated >= ROTATION_SECONDS:
            self._key = self._random(32)
            self._buckets.clear()
            self._rotated = now

    def take(self, account_id: bytes, now: float) -> int:
        """Count one take: 0 if it is allowed, else the seconds to wait."""
        self.forget(now)
        key = hmac.digest(self._key, account_id, hashlib.sha256)[:16]
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._accounts_max:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = TokenBucket(self._rate, now)
        else:
            self._buckets.move_to_end(key)
        return 0 if bucket.take(1, now) == 1 else bucket.retry_after()
