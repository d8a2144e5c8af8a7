"""Rate limits: token buckets for a connection and for an address prefix, in memory only.

DESIGN 10: the key of a prefix is an HMAC under a random key that is replaced every hour, so that
what is held in memory cannot be turned back into an address, and nothing is ever written down.
A connection keeps the entry it got when it connected; after a rotation new connections of the same
prefix start a fresh entry, so a prefix can at most double its allowance once in a rotation.
Tables are bounded: when one is full the entry used longest ago goes.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hushpost_server.configuration import Configuration

# A home or a small office shares one IPv4 address; a /24 is what one hosting customer rents.
IPV4_PREFIX_BITS = 24
# /56 is what providers hand to one household; /64 would let it rotate through 256 networks.
IPV6_PREFIX_BITS = 56
# Long enough that a bucket means something, short enough that memory forgets within the hour.
ROTATION_SECONDS = 3600.0
# 64 Ki entries of about 600 bytes: 40 MB when a botnet fills the table.
PREFIXES_MAX = 65_536

# By default 12 envelopes a second after 15 at once: a person who types needs less.
MODEST_SHARE = 16
MODEST_BURST_SHARE = 64
# Handshakes that are made at once, each a quarter of a millisecond, before others have to wait.
CONNECTS_BURST = 20


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second and the burst; a rate of 0 turns the limit off."""

    per_second: float
    burst: float


# Pings and pongs of a peer, which answers ours and has little need of its own: each costs the
# library a hundred times what it costs the sender.
CONTROL_FRAMES = Rate(per_second=4, burst=64)


class TokenBucket:
    """A bucket that starts full. Not shared between threads."""

    __slots__ = ("_level", "_rate", "_updated")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = rate.burst
        self._updated = now

    def take(self, count: int, now: float) -> int:
        """Take up to `count` tokens and return how many there were."""
        rate = self._rate
        if rate.per_second <= 0:
            return count
        level = self._level + max(0.0, now - self._updated) * rate.per_second
        level = min(level, rate.burst)
        granted = min(count, int(level))
        self._level = level - granted
        self._updated = now
        return granted

    def give_back(self, count: int) -> None:
        """Return tokens that were taken together with ones another bucket refused."""
        self._level = min(self._level + count, self._rate.burst)

    @property
    def spent(self) -> float:
        """How far it was below full when last looked at."""
        return self._rate.burst - self._level

    def retry_after(self) -> int:
        """Whole seconds until the next token, at least one; a hint for the peer."""
        if self._rate.per_second <= 0:
            return 0
        return max(1, int((1 - min(self._level, 1)) / self._rate.per_second) + 1)


@dataclass(frozen=True, slots=True)
class Rates:
    """Every rate the relay enforces."""

    connection_submits: Rate
    connection_controls: Rate
    prefix_submits: Rate
    prefix_connects: Rate
    prefix_accounts: Rate
    prefix_logins: Rate
    prefix_takes: Rate
    account_takes: Rate
    prefix_connections_max: int
    connects: Rate
    accounts: Rate

    @property
    def modest(self) -> Rate:
        """What a connection may submit without waiting in turn with those who send much."""
        most = self.connection_submits
        return Rate(most.per_second / MODEST_SHARE, max(1.0, most.burst / MODEST_BURST_SHARE))


def configured_rates(given: Configuration) -> Rates:
    """Return what an operator chose, all of it per second."""
    return Rates(
        connection_submits=Rate(
            given.connection_submits_per_second, given.connection_submits_burst
        ),
        connection_controls=Rate(
            given.connection_controls_per_second, given.connection_controls_burst
        ),
        prefix_submits=Rate(given.prefix_submits_per_second, given.prefix_submits_burst),
        prefix_connects=Rate(given.prefix_connects_per_second, given.prefix_connects_burst),
        prefix_accounts=Rate(given.prefix_accounts_per_hour / 3600, given.prefix_accounts_burst),
        prefix_logins=Rate(given.prefix_logins_per_second, given.prefix_logins_burst),
        prefix_takes=Rate(given.prefix_takes_per_minute / 60, given.prefix_takes_burst),
        account_takes=Rate(given.account_takes_per_hour / 3600, given.account_takes_burst),
        prefix_connections_max=given.prefix_connections_max,
        connects=Rate(given.connects_per_second, CONNECTS_BURST),
        accounts=Rate(given.accounts_per_second, given.accounts_burst),
    )


class PrefixAllowance:
    """What one address prefix may still do. Held by its connections, never written."""

    __slots__ = ("accounts", "connections", "connects", "logins", "submits", "takes")

    def __init__(self, rates: Rates, now: float) -> None:
        self.connections = 0
        self.connects = TokenBucket(rates.prefix_connects, now)
        self.submits = TokenBucket(rates.prefix_submits, now)
        self.accounts = TokenBucket(rates.prefix_accounts, now)
        self.logins = TokenBucket(rates.prefix_logins, now)
        self.takes = TokenBucket(rates.prefix_takes, now)


class PrefixTable:
    """The allowances of all prefixes seen since the last rotation."""

    __slots__ = ("_entries", "_entries_max", "_key", "_random", "_rotated", "rates")

    def __init__(
        self,
        rates: Rates,
        *,
        now: float,
        random: Callable[[int], bytes],
        entries_max: int = PREFIXES_MAX,
    ) -> None:
        self.rates = rates
        self._random = random
        self._entries_max = entries_max
        self._entries: OrderedDict[bytes, PrefixAllowance] = OrderedDict()
        self._key = random(32)
        self._rotated = now

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> tuple[bytes, ...]:
        """Return what stands for the prefixes in memory: to show that it is no address."""
        return tuple(self._entries)

    def forget(self, now: float) -> None:
        """Forget everything once an hour; to be called now and then, also when nobody connects."""
        if now - self._rotated >= ROTATION_SECONDS:
            self._key = self._random(32)
            self._entries.clear()
            self._rotated = now

    def allowance(self, address: str, now: float) -> PrefixAllowance:
        """Return the entry of the prefix `address` lies in; made full if it is new."""
        self.forget(now)
        key = hmac.digest(self._key, prefix_of(address), hashlib.sha256)[:16]
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._entries_max:
                self._entries.popitem(last=False)
            entry = self._entries[key] = PrefixAllowance(self.rates, now)
        else:
            self._entries.move_to_end(key)
        return entry

    def admit_connection(self, entry: PrefixAllowance, now: float) -> bool:
        """Count a new connection of `entry`; False when it has too many or opens them too fast.

        After True the caller must call `connection_lost` once.
        """
        limit = self.rates.prefix_connections_max
        if limit and entry.connections >= limit:
            return False
        if entry.connects.take(1, now) != 1:
            return False
        entry.connections += 1
        return True

    @staticmethod
    def connection_lost(entry: PrefixAllowance) -> None:
        """Give back the place of a connection that `admit_connection` let in."""
        entry.connections -= 1


def prefix_of(address: str) -> bytes:
    """Return the network part of `address`; anything that is no address shares one prefix."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b"unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        if mapped is None:
            return b"6" + _cut(parsed.packed, IPV6_PREFIX_BITS)
        parsed = mapped
    return b"4" + _cut(parsed.packed, IPV4_PREFIX_BITS)


def _cut(packed: bytes, bits: int) -> bytes:
    return packed[: bits // 8]
