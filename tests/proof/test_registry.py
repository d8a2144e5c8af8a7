"""Claims are found by being there, and shares of them leave none out."""

import tomllib
from pathlib import Path

import pytest
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.registry import UnknownClaim, all_claims, named, shard_of

ROOT = Path(__file__).parents[2]


async def _prove(_effort: Effort) -> list[Row]:
    return []


def _claim(name: str, seconds: int) -> Claim:
    return Claim(name, Half.KEPT, f"{name} holds", seconds, _prove)


def test_every_module_is_a_claim_with_a_name_of_its_own() -> None:
    """No two claims share a name, and each says how long it takes."""
    names = [claim.name for claim in all_claims()]
    assert "killed-at-random" in names
    assert len(set(names)) == len(names)
    assert all(claim.seconds > 0 for claim in all_claims())


def test_the_page_counts_the_claims() -> None:
    """Whoever adds one says so where people look."""
    said = {24: "24", 13: "thirteen", 11: "eleven"}
    every = all_claims()
    halves = [sum(claim.half is half for claim in every) for half in (Half.KEPT, Half.LOST)]
    total, kept, lost = (said[number] for number in (len(every), *halves))
    sentence = (
        f"Of the {total} claims {kept} say that nothing is kept and {lost} that nothing is lost"
    )
    assert sentence in (ROOT / "docs" / "proof.md").read_text()


def test_its_extra_brings_what_the_claims_import() -> None:
    """Claims about Redis are there for whoever installs the command alone, as all others."""
    needed = {
        line.split()[1].partition(".")[0]
        for module in (ROOT / "store" / "hushpost_store" / "redis").glob("*.py")
        for line in module.read_text().splitlines()
        if line.startswith(("import redis", "import hiredis", "from redis", "from hiredis"))
    }
    assert needed == {"redis", "hiredis"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert "hushpost[redis]" in extras["prove"]
    assert {name.partition(">")[0] for name in extras["redis"]} >= needed


def test_an_unknown_claim_is_answered_with_those_there_are() -> None:
    """Whoever mistypes a name is told the names."""
    with pytest.raises(UnknownClaim, match="killed-at-random"):
        named("killed")


def test_shares_are_even_and_leave_none_out() -> None:
    """Every claim is in exactly one share, and the long ones do not fall together."""
    every = tuple(_claim(f"c{number}", seconds) for number, seconds in enumerate((90, 80, 30, 20)))
    shares = [shard_of(every, number, 2) for number in (1, 2)]
    assert sorted(claim.name for share in shares for claim in share) == ["c0", "c1", "c2", "c3"]
    assert [sum(claim.seconds for claim in share) for share in shares] == [110, 110]
