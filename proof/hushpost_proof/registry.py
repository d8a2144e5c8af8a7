"""All claims: every module of `claims` is one."""

import pkgutil
from collections.abc import Sequence
from importlib import import_module

from hushpost_proof import claims
from hushpost_proof.claim import Claim


class UnknownClaim(Exception):
    """No claim has that name; the message lists those there are."""


def all_claims() -> tuple[Claim, ...]:
    """Return every claim, ordered by half and name."""
    found: list[Claim] = []
    for module in pkgutil.iter_modules(claims.__path__):
        claim = import_module(f"{claims.__name__}.{module.name}").CLAIM
        assert isinstance(claim, Claim), module.name
        found.append(claim)
    return tuple(sorted(found, key=lambda claim: (claim.half, claim.name)))


def named(name: str) -> Claim:
    """Return one claim; UnknownClaim says which there are."""
    known = {claim.name: claim for claim in all_claims()}
    if name not in known:
        raise UnknownClaim(f"there is no claim {name!r}; there are: {', '.join(known)}")
    return known[name]


def shard_of(every: Sequence[Claim], number: int, of: int) -> tuple[Claim, ...]:
    """Return the share `number` (from 1) of `of`, so that all shares take about equally long."""
    shares: list[list[Claim]] = [[] for _ in range(of)]
    for claim in sorted(every, key=lambda claim: (-claim.seconds, claim.name)):
        min(shares, key=lambda share: sum(one.seconds for one in share)).append(claim)
    return tuple(claim for claim in every if claim in shares[number - 1])
