"""Tests of hushpost_crypto.device_list; the wrong cases by name stand in the vectors as well."""

import json

import pytest
from hushpost_crypto import errors
from hushpost_crypto.device_list import (
    KnownList,
    Standing,
    find_entry,
    follow,
    is_stale,
    issue_first,
    issue_next,
    read_device_list,
    standing,
)
from hushpost_wire.records import DeviceEntry, ListHead
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto import identity_duties
from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import (
    ACCOUNT,
    ACCOUNT_ID,
    ENTRY,
    GENESIS,
    OTHER_ENTRY,
    TODAY,
    VECTORS,
)

FIRST = issue_first(ACCOUNT, GENESIS, ENTRY, today=TODAY)
SECOND = issue_next(ACCOUNT, GENESIS, FIRST, [ENTRY, OTHER_ENTRY], today=TODAY + 1)


def test_chain_is_followed_from_any_known_link() -> None:
    """Whatever prefix of a chain is known, the rest of it leads to the newest list."""
    chain = [FIRST, SECOND]
    for day in range(2, 8):
        chain.append(issue_next(ACCOUNT, GENESIS, chain[-1], [ENTRY], today=TODAY + day))
    for cut in range(len(chain)):
        known = KnownList.of(chain[cut])
        followed = follow(known, chain[cut:], GENESIS, ACCOUNT_ID, today=TODAY + 8)
        assert followed.known == KnownList.of(chain[-1])
        assert followed.advanced == (cut < len(chain) - 1)


def test_entries_are_ordered_whatever_the_order_given() -> None:
    """The issuer sorts devices, so that one set of devices has one encoding."""
    one = issue_next(ACCOUNT, GENESIS, FIRST, [ENTRY, OTHER_ENTRY], today=TODAY)
    other = issue_next(ACCOUNT, GENESIS, FIRST, [OTHER_ENTRY, ENTRY], today=TODAY)
    assert one == other
    assert list(one.entries) == sorted(one.entries, key=DeviceEntry.device_id)


def test_issue_day_never_goes_back() -> None:
    """A primary device whose clock went back still dates its list no earlier than the last."""
    assert issue_next(ACCOUNT, GENESIS, SECOND, [ENTRY], today=1).issue_day == SECOND.issue_day


def test_stale_after_thirty_days() -> None:
    """Thirty days are fresh, thirty-one warn."""
    assert not is_stale(TODAY, TODAY + 30)
    assert is_stale(TODAY, TODAY + 31)


def test_standing_tells_forks_from_progress() -> None:
    """A view of the same version is compared by head, others by version."""
    known = KnownList.of(SECOND)
    assert standing(known, 2, SECOND.head()) is Standing.SAME
    assert standing(known, 2, ListHead(bytes(32))) is Standing.FORKED
    assert standing(known, 3, ListHead(bytes(32))) is Standing.NEWER
    assert standing(known, 1, FIRST.head()) is Standing.OLDER


def test_unknown_device_is_told() -> None:
    """Asking for a device that the list does not hold raises DeviceUnknown."""
    assert find_entry(SECOND, OTHER_ENTRY.device_id()) == OTHER_ENTRY
    with pytest.raises(errors.DeviceUnknown):
        find_entry(FIRST, OTHER_ENTRY.device_id())


@given(st.integers(0, len(SECOND.to_bytes()) * 8 - 1))
def test_any_flipped_bit_fails(bit: int) -> None:
    """One bit changed anywhere and the list is refused."""
    data = bytearray(SECOND.to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises((errors.BadRecord, errors.BadSignature, errors.BadKey)):
        read_device_list(bytes(data), GENESIS, ACCOUNT_ID, today=TODAY)


@given(st.integers(0, len(SECOND.to_bytes()) - 1), st.binary(min_size=1, max_size=70))
def test_truncated_and_extended_fail(cut: int, tail: bytes) -> None:
    """A list cut anywhere or with anything behind it is malformed."""
    data = SECOND.to_bytes()
    for wrong in (data[:cut], data + tail):
        with pytest.raises(errors.RecordMalformed):
            read_device_list(wrong, GENESIS, ACCOUNT_ID, today=TODAY)


def test_each_defect_has_its_own_error() -> None:
    """Lower, equal, skipped and forked versions are told apart, as the vectors state."""
    content = (VECTORS / "device_list.json").read_bytes()
    assert run_file(content) == []
    told = {case["expect"] for case in json.loads(content)["cases"]}
    assert {
        "DeviceListLower", "DeviceListEqual", "DeviceListSkipped", "DeviceListForked",
        "DeviceListDatesWrong", "BadSignature", "BadKey", "AccountMismatch",
    } <= told  # fmt: skip


def test_refused_chain_changes_nothing() -> None:
    """A good link before a bad one is not remembered: the whole answer is refused."""
    known = KnownList.of(FIRST)
    skipped = issue_next(ACCOUNT, GENESIS, SECOND, [ENTRY], today=TODAY + 2)
    again = issue_next(ACCOUNT, GENESIS, skipped, [ENTRY], today=TODAY + 3)
    with pytest.raises(errors.DeviceListSkipped):
        follow(known, [SECOND, again], GENESIS, ACCOUNT_ID, today=TODAY + 3)
    assert follow(known, [SECOND], GENESIS, ACCOUNT_ID, today=TODAY + 3).advanced


def test_misuse_is_refused() -> None:
    """Too many devices, a foreign key and a device twice are the caller's faults."""
    assert identity_duties.check() == []
