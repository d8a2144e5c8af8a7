"""Errands in the relay's words: which request each is, and what its answer means (wire.md, 6).

inbox errands   request_for -> (the client asks) -> inbox_answered
post errands    (the client fetches) -> keys_fetched | lists_fetched | fetch_refused
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_wire.control import (
    Answer,
    DeviceLists,
    DropKind,
    Error,
    ErrorCode,
    InboxRequest,
    Prekeys,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    RevokeDrop,
)
from hushpost_wire.identifiers import AccountId, DropHash

from hushpost.engine import errands, event_log, first_contact, message_states, outbox
from hushpost.engine.contact_book import find_contact
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.own_account import own_account
from hushpost.engine.peer_keys import BundleAnswer, KeysAnswer
from hushpost.engine.peer_lists import EXPLANATIONS, ListAnswer, take_lists
from hushpost.engine.prekey_upkeep import PublishBatch, batch_published, next_batch
from hushpost.events import AlarmKind

# Answers that will not change by asking again: the errand is over.
_SETTLED: Final = frozenset(
    {
        ErrorCode.DROP_CONFLICT,
        ErrorCode.TOO_MANY_PREKEYS,
        ErrorCode.LIST_CONFLICT,
        ErrorCode.NO_ACCOUNT,
        ErrorCode.BAD_RECORD,
        ErrorCode.BAD_SIGNATURE,
    }
)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request made of an errand; keep it for `inbox_answered`."""

    errand: Errand
    message: Callable[[int], InboxRequest]
    batch: PublishBatch | None = None


def request_for(desk: Desk, errand: Errand) -> Asking:
    """Make the request of an inbox errand; it writes nothing."""
    match errand.kind:
        case ErrandKind.REGISTER_DROP:
            drop, kind = DropHash(errand.subject), DropKind(errand.purpose)
            return Asking(errand, lambda n: RegisterDrop(id=n, drop_hash=drop, kind=kind))
        case ErrandKind.REVOKE_DROP:
            gone = DropHash(errand.subject)
            return Asking(errand, lambda n: RevokeDrop(id=n, drop_hash=gone))
        case ErrandKind.PUBLISH_PREKEYS:
            return _publish(desk, errand)
        case ErrandKind.PUBLISH_LIST:
            data = own_account(desk).list_bytes
            return Asking(errand, lambda n: PublishDeviceList(id=n, device_list=data))
        case ErrandKind.TAKE_BUNDLE | ErrandKind.FETCH_LISTS:
            raise ValueError("this errand runs on a post connection")


def inbox_answered(desk: Desk, asking: Asking, answer: Answer) -> None:
    """Work in the relay's answer: done, over, or later."""
    errand = errands.find_errand(desk, asking.errand.key)
    if errand is None:
        return
    if isinstance(answer, Error):
        _refused(desk, errand, asking, answer)
    elif asking.batch is not None:
        batch_published(desk, asking.batch, errand)
    else:
        errands.finish(desk, errand)
    if not isinstance(answer, Error) or answer.code in _SETTLED:
        outbox.release(desk, errand.releases)


def keys_fetched(desk: Desk, errand: Errand, answer: KeysAnswer) -> None:
    """Work in fresh keys of a contact."""
    errands.finish(desk, errand)
    first_contact.bundle_taken(desk, AccountId(errand.subject), errand.purpose, answer)


def lists_fetched(desk: Desk, errand: Errand, answer: ListAnswer) -> None:
    """Work in fetched device lists of a contact."""
    errands.finish(desk, errand)
    if find_contact(desk, errand.subject) is not None:
        take_lists(desk, AccountId(errand.subject), answer)


def fetch_refused(desk: Desk, errand: Errand, answer: Error) -> None:
    """Work in that a relay has no keys: the account is gone, or only later."""
    if answer.code not in _SETTLED:
        errands.defer(desk, errand, answer.retry_after)
        return
    errands.finish(desk, errand)
    if errand.kind is ErrandKind.TAKE_BUNDLE:
        message_states.contact_refuses(desk, errand.subject)


def keys_answer(prekeys: Prekeys, lists: Sequence[bytes] = ()) -> KeysAnswer:
    """Join an answer with the lists fetched before it, oldest first."""
    chain = [data for data in lists if data != prekeys.device_list]
    return KeysAnswer(
        ListAnswer(prekeys.genesis, (*chain, prekeys.device_list)),
        tuple(
            BundleAnswer(bundle.device, bundle.signed, bundle.seal, bundle.one_time)
            for bundle in prekeys.bundles
        ),
    )


def list_answer(answers: Sequence[DeviceLists]) -> ListAnswer:
    """Join the pages of a chain."""
    return ListAnswer(answers[0].genesis, tuple(data for page in answers for data in page.lists))


def _publish(desk: Desk, errand: Errand) -> Asking:
    batch = next_batch(desk)
    return Asking(
        errand,
        lambda n: PublishPrekeys(
            id=n, one_time=batch.one_time, signed=batch.signed, seal=batch.seal
        ),
        batch,
    )


def _refused(desk: Desk, errand: Errand, asking: Asking, answer: Error) -> None:
    if answer.code not in _SETTLED:
        errands.defer(desk, errand, answer.retry_after)
        return
    if answer.code is ErrorCode.LIST_CONFLICT:
        # Somebody else published a list of this version: only the account key can.
        explanation = EXPLANATIONS[AlarmKind.OWN_LIST_FORKED]
        event_log.safety_alarm(desk, b"", AlarmKind.OWN_LIST_FORKED, explanation)
    if asking.batch is not None and answer.code is ErrorCode.TOO_MANY_PREKEYS:
        batch_published(desk, asking.batch, errand)
    errands.finish(desk, errand)
