"""The stories of expired mail end well, and notice what is planted (docs/spec/content.md, 11)."""

from pathlib import Path

from hushpost_proof.claims.expiry_is_not_silence import CLAIM
from hushpost_proof.expiry import defects, story


async def test_a_text_and_its_repeat_are_shown_once(tmp_path: Path) -> None:
    """Without a defect the story has no fault."""
    outcome = await story.both_arrive(tmp_path)
    assert outcome.faults == []
    assert outcome.happened == 1


async def test_a_lost_inner_id_is_noticed(tmp_path: Path) -> None:
    """Sent again as a new message, the text is seen to be shown twice."""
    with story.short_patience(), defects.new_inner_id():
        outcome = await story.both_arrive(tmp_path)
    assert any("shown 2 times" in fault for fault in outcome.faults)


def test_the_claim_stands_for_nothing_lost() -> None:
    """It is found under its name, with the seconds that divide the shards."""
    assert (CLAIM.name, CLAIM.half, CLAIM.seconds) == ("expiry-is-not-silence", "nothing lost", 20)
