"""A submission's story, told once and in order, whatever Redis answers."""

import pytest
from hushpost_store.conformance import Recorder, envelope
from hushpost_store.redis.command import ConnectionLost, Unreadable
from hushpost_store.redis.figures import Figures, Sums
from hushpost_store.redis.posting import Posting
from hushpost_store.redis.stalls import Stalls
from hushpost_store.rows import Admitted, Refusal, Submission


async def _posting(*, waits: bool) -> tuple[Posting, Recorder, Figures, list[bytes]]:
    recorder, figures = Recorder(), Figures()
    nodes: list[bytes] = []

    def admitted(node: bytes, _submission: Submission, _admitted: Admitted) -> None:
        nodes.append(node)

    posting = Posting(
        envelope("alice", 1),
        recorder,
        figures=figures,
        stalls=Stalls(lambda: 0.0),
        on_admitted=admitted,
        waits_for_replicas=waits,
    )
    return posting, recorder, figures, nodes


async def test_without_replicas_an_answer_is_the_commit() -> None:
    """Admitted and committed with the answer; the node of the login is passed on."""
    posting, recorder, figures, nodes = await _posting(waits=False)
    posting.answered([0, 7, 0, b"node"])
    assert recorder.told == ["admitted", "committed"]
    assert recorder.place == Admitted(7, duplicate=False)
    assert (figures.now, figures.committed) == (Sums(0, 1, 4096), 1)
    assert nodes == [b"node"]


@pytest.mark.parametrize(("held", "end"), [(True, "committed"), (False, "failed")])
async def test_replicas_have_the_last_word(held: bool, end: str) -> None:
    """Admitted at once, and accepted when replicas have it; otherwise the sender is to retry."""
    posting, recorder, figures, _ = await _posting(waits=True)
    posting.answered([0, 7, 0, b""])
    assert recorder.told == ["admitted"]
    posting.durable(held)
    posting.durable(held)
    assert recorder.told == ["admitted", end]
    assert (figures.committed, figures.failed) == (int(held), int(not held))


@pytest.mark.parametrize(
    "answer", [b"OK", None, [], [0], [0, 7, 0], [0, b"7", 0, b""], [0, 7, 0, 1], [9, 0], [1, b""]]
)
async def test_an_answer_that_is_none_is_a_failure(answer: object) -> None:
    """Whatever answers in Redis's place, the sender is told to retry, and nothing was accepted."""
    posting, recorder, figures, nodes = await _posting(waits=False)
    posting.answered(answer)
    assert (recorder.told, recorder.reason) == (["refused"], Refusal.RETRY)
    assert (figures.is_faulty, figures.failed, figures.committed, nodes) == (True, 1, 0, [])


async def test_a_damaged_mailbox_is_no_fault_of_redis() -> None:
    """It is counted as damaged, once; health does not say that Redis takes nothing."""
    posting, recorder, figures, _ = await _posting(waits=False)
    posting.answered(Unreadable("of another form"))
    assert recorder.reason is Refusal.RETRY
    assert (figures.is_faulty, figures.damaged) == (False, {envelope("alice", 1).route})


async def test_a_refusal_and_a_fault_are_the_end() -> None:
    """What replicas say of a group means nothing to who was refused in it."""
    posting, recorder, _, nodes = await _posting(waits=True)
    posting.answered([2, 300])
    posting.durable(True)
    assert recorder.told == ["refused"]
    assert (recorder.reason, recorder.retry_after) == (Refusal.FULL, 300)
    posting, recorder, figures, _ = await _posting(waits=True)
    posting.answered(ConnectionLost("gone"))
    posting.durable(False)
    assert (recorder.told, recorder.reason) == (["refused"], Refusal.RETRY)
    assert figures.is_faulty
    assert nodes == []
    posting.answered([1, 0])
    assert figures.is_faulty, "a refusal does not show that Redis can write"
