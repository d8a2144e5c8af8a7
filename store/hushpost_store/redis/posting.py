r"""One submission on its way: what Redis answered, and whether replicas have it.

submit --> answered: a fault, or refused ---------------> refused
                \--> answered: a place --> admitted --> durable, or at once --> committed
                                                   \--> replicas do not say so --> failed
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hushpost_store import errors
from hushpost_store.interface import SubmissionListener
from hushpost_store.redis import answers
from hushpost_store.redis.command import Answer, ServerError, Unreadable
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.stalls import Stalls
from hushpost_store.rows import Admitted, Refusal, Submission

# What RETRY proposes: a server that is away is replaced, or comes back, in seconds.
RETRY_SECONDS: Final = 1

# Told where the owner is logged in, and the place that the envelope took.
OnAdmitted = Callable[[bytes, Submission, Admitted], None]


class Posting:
    """Tells one listener its story; `waits_for_replicas` puts `durable` before `committed`."""

    __slots__ = (
        "_figures",
        "_is_open",
        "_listener",
        "_on_admitted",
        "_stalls",
        "_submission",
        "_waits",
    )

    def __init__(
        self,
        submission: Submission,
        listener: SubmissionListener,
        *,
        figures: Figures,
        stalls: Stalls,
        on_admitted: OnAdmitted,
        waits_for_replicas: bool,
    ) -> None:
        self._submission = submission
        self._listener = listener
        self._figures = figures
        self._stalls = stalls
        self._on_admitted = on_admitted
        self._waits = waits_for_replicas
        self._is_open = False

    def answered(self, answer: Answer) -> None:
        """Take what the script answered, or the fault in its place."""
        if isinstance(answer, errors.StoreFault):
            self._fail(answer)
            return
        try:
            decided = _decided(answer)
        except (errors.StoreFault, ValueError):
            # Nothing that our script says: whatever answers there, its sender is told an end.
            self._fail(ServerError("a script answered what cannot be read"))
            return
        match decided:
            case Refusal() as reason, seconds:
                if reason is Refusal.RETRY:  # half a mailbox
                    self._figures.note_damage(self._submission.route)
                self._listener.refused(reason, seconds)
            case Admitted() as admitted, node:
                self._admit(admitted, node)

    def _fail(self, fault: errors.StoreFault) -> None:
        # It may be queued all the same: the same bytes that come again are then a repetition.
        self._figures.failed += 1
        if isinstance(fault, Unreadable):
            # A damaged mailbox fails for ever: its neighbours would wait for it, and Redis is well.
            self._figures.note_damage(self._submission.route)
        else:
            self._figures.fail(fault)
            self._stalls.begin(self._submission.route)
        self._listener.refused(Refusal.RETRY, RETRY_SECONDS)

    def _admit(self, admitted: Admitted, node: bytes) -> None:
        figures = self._figures
        if admitted.sequence:
            figures.is_faulty = False  # a refusal would not show that Redis can write
            if not admitted.duplicate:
                figures.count_in(len(self._submission.envelope))
        self._on_admitted(node, self._submission, admitted)
        self._listener.admitted(admitted)
        if self._waits and admitted.sequence:
            self._is_open = True
        else:
            self._commit()

    def durable(self, held: bool) -> None:
        """Learn whether replicas have it; means nothing to who was refused."""
        if not self._is_open:
            return
        self._is_open = False
        if held:
            self._commit()
        else:
            # It is queued, and the same bytes are a repetition: the sender asks until it is safe.
            self._figures.failed += 1
            self._stalls.begin(self._submission.route)
            self._listener.failed()

    def _commit(self) -> None:
        self._figures.committed += 1
        self._listener.committed()


def _decided(answer: Answer) -> tuple[Refusal, int] | tuple[Admitted, bytes]:
    """Read what the script decided. Raises ServerError, ValueError."""
    reason, number, *rest = answers.items(answer)
    if reason != 0:
        return Refusal(answers.number(reason)), answers.number(number)
    duplicate, node = rest
    return Admitted(answers.number(number), duplicate=duplicate == 1), answers.blob(node)
