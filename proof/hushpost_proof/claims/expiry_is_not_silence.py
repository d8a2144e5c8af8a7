"""Mail that expires unread: the owner learns of it, its sender learns of it, nothing doubles."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.expiry import defects, story
from hushpost_proof.expiry.story import Outcome

_FRIENDS = ("ann", "bob", "cid")
_LONG_FRIENDS = tuple(f"friend-{number}" for number in range(12))
_STORIES = (
    ("a text and its repeat both arrive", story.both_arrive),
    ("a relay that never tells of expired mail", story.silent_relay),
    ("a relay that tells of it without end", story.lying_relay),
    ("a contact that asks for everything", story.lying_contact),
)


async def _unread(folder: Path) -> Outcome:
    return await story.unread_by_the_owner(folder, _FRIENDS[:1])


# What is planted, and the story that has to notice.
_DEFECTS: tuple[
    tuple[Callable[[], AbstractContextManager[None]], Callable[[Path], Awaitable[Outcome]]], ...
] = (
    (defects.notice_dropped, _unread),
    (defects.new_inner_id, story.both_arrive),
    (defects.inner_ids_forgotten, story.both_arrive),
    (defects.gaps_passed_over, story.silent_relay),
    (defects.asked_without_end, story.lying_relay),
)


async def _prove(effort: Effort) -> Sequence[Row]:
    friends = _LONG_FRIENDS if effort.is_long else _FRIENDS
    rows = [
        _row(
            "mail expires unread, the owner comes back",
            await story.unread_by_the_owner(effort.folder / "unread", friends),
        )
    ]
    for tried, tell in _STORIES:
        rows.append(_row(tried, await tell(effort.folder / tell.__name__)))
    if effort.is_long:
        rows.append(_row("500 messages of 50 contacts", await story.many(effort.folder / "many")))
        beyond = await story.more_than_a_session_bridges(effort.folder / "beyond")
        rows.append(_row("more lost than a session bridges", beyond))
    rows.append(await _controls(effort))
    return rows


def _row(tried: str, outcome: Outcome) -> Row:
    found = "\n".join((outcome.said, *outcome.faults[:5]))
    return Row(tried, outcome.happened, found, holds=not outcome.faults)


async def _controls(effort: Effort) -> Row:
    missed: list[str] = []
    for plant, tell in _DEFECTS:
        with story.short_patience(), plant():
            outcome = await tell(effort.folder / plant.__name__)
        if not outcome.faults:
            missed.append(plant.__name__)
    found = f"{len(_DEFECTS) - len(missed)} of {len(_DEFECTS)} planted defects found"
    if missed:
        found += f"; missed: {', '.join(missed)}"
    return Row("planted defects", len(_DEFECTS), found, holds=not missed)


CLAIM = Claim(
    name="expiry-is-not-silence",
    half=Half.LOST,
    sentence="Mail that expires unread is told of at both ends, and comes once when sent again",
    seconds=20,
    prove=_prove,
)
