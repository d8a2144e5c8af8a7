"""What two relays do at once to one account, and what the model allows to come of it.

Each of these is several steps in Redis (docs/spec/store.md, "Across slots"); done at once at two
relays they must end as one after the other would, in one order or the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from hushpost_store import errors
from hushpost_store.interface import Store
from hushpost_store.rows import AccountRow

from tests.model.store_machine import START_DAY, device, digest, head
from tests.model.store_model import StoreModel

KINDS = ("create 0", "create 0 1", "publish 0", "publish 0 1", "publish 1", "delete")


@dataclass(frozen=True)
class Work:
    """One operation: how a store is asked, and what the model answers."""

    kind: str
    ask: Callable[[Store], Coroutine[Any, Any, object]]
    judge: Callable[[StoreModel], str]

    async def outcome(self, store: Store) -> str:
        """Do it; gives the error's name, what a deletion found, or ''."""
        try:
            answer = await self.ask(store)
        except errors.StoreMisuse as misuse:
            return type(misuse).__name__
        return "" if answer is None else str(answer)


def work_on(person: str, kind: str, variant: int, model: StoreModel) -> Work:
    """Make one of the kinds; of two that publish at once each has a list of its own."""
    account_id = digest(person)
    verb, *numbers = kind.split()
    rows = tuple(device(person, int(number)) for number in numbers)
    if verb == "delete":
        return Work(
            kind,
            lambda store: store.delete_account(account_id),
            lambda model: str(model.delete(account_id)),
        )
    if verb == "create":
        genesis = b"genesis " + person.encode()
        row = AccountRow(account_id, genesis, START_DAY, head(person, 1, 0), rows)
        return Work(kind, lambda store: store.create_account(row), lambda model: model.create(row))
    known = model.accounts.get(account_id)
    listed = known.row.device_list if known is not None else head(person, 1, 0)
    new = head(person, listed.version + 1, variant)
    return Work(
        kind,
        lambda store: store.publish_device_list(
            account_id, expected_head=listed.head, device_list=new, devices=rows
        ),
        lambda model: model.publish_list(account_id, listed.head, new, rows),
    )


def ends(model: StoreModel, one: Work, two: Work) -> Iterator[tuple[tuple[str, str], StoreModel]]:
    """Give what both may be told, and how all stands then."""
    first = copy.deepcopy(model)
    told = one.judge(first)
    yield (told, two.judge(first)), first
    second = copy.deepcopy(model)
    told = two.judge(second)
    yield (one.judge(second), told), second
    for deletes, creates, is_first in ((one, two, True), (two, one, False)):
        if deletes.kind == "delete" and creates.kind.startswith("create"):
            # An account is there until its deletion is done, and another one beside it is refused.
            third = copy.deepcopy(model)
            found = deletes.judge(third)
            yield ((found, "AccountExists") if is_first else ("AccountExists", found)), third
    if one.kind == two.kind == "delete":
        # Both have seen the account; it goes once.
        fourth = copy.deepcopy(model)
        found = one.judge(fourth)
        yield (found, found), fourth
