"""Limits are announced whole, bounded themselves, and the spec says the same as the code."""

import json
import re
from typing import get_args

import pytest
from hushpost_wire import limits
from hushpost_wire.control import (
    ControlToClient,
    ErrorCode,
    Role,
    decode_control_to_client,
    decode_control_to_relay,
)
from hushpost_wire.limits import Limits
from hushpost_wire.records import PREKEY_RECORD_BYTES
from pydantic import ValidationError

from tests.wire.control_examples import filled
from tests.wire.spec_tables import BLOCKS, SPEC, limits_table, rendered


def test_the_spec_is_made_of_the_code() -> None:
    """Limits, close codes, messages and diagrams in wire.md are those of the code."""
    page = SPEC.read_text()
    assert rendered(page) == page, "stale: run python -m tests.wire.spec_tables"
    assert len(BLOCKS) == 6


def test_a_missing_mark_is_told() -> None:
    """A page without the marks of a block is not silently left as it is."""
    with pytest.raises(ValueError, match="no marks"):
        rendered("no blocks here")


def test_every_example_of_the_spec_decodes() -> None:
    """The JSON that the page shows is taken by the endpoint it belongs to."""
    shown = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", SPEC.read_text(), re.S)]
    assert len(shown) == 21
    to_client = {model.model_fields["type"].default for model in get_args(ControlToClient)}
    for example in shown:
        text = json.dumps(filled(example))
        if example["type"] in to_client:
            decode_control_to_client(text)
        else:
            post = example["type"] in {"take_prekeys", "fetch_device_list"}
            decode_control_to_relay(text, Role.POST if post else Role.INBOX)


def test_every_error_code_has_its_sentence() -> None:
    """Section 7 of the page lists the closed set."""
    section = SPEC.read_text().split("## 7.")[1].split("## 8.")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == {code.value for code in ErrorCode}


def test_every_constant_has_a_reason() -> None:
    """No row of the table ends without one."""
    rows = limits_table().splitlines()[2:]
    assert len(rows) > 30
    assert all(len(row.split("|")[4].strip()) > 20 for row in rows)


def test_announced_defaults_are_the_constants() -> None:
    """A relay that changes nothing announces what the spec says."""
    announced = Limits()
    for name in Limits.model_fields:
        if name != "bucket_enforcement":
            assert getattr(announced, name) == getattr(limits, name.upper())
    assert announced.bucket_enforcement is True


@pytest.mark.parametrize("bad", [0, -1, 2**54, 1.5, "9", True])
def test_a_limit_out_of_range_is_refused(bad: object) -> None:
    """Nor can a relay announce windows that would let it fill a client's memory."""
    with pytest.raises(ValidationError):
        Limits.model_validate({"mailbox_envelopes_max": bad})
    with pytest.raises(ValidationError):
        Limits.model_validate({"deliveries_in_flight_max": 2**16 + 1})


def test_envelopes_fit_by_bucket() -> None:
    """Exactly the buckets, or any size between the bounds where enforcement is off."""
    assert [size for size in range(20_000) if Limits().envelope_fits(size)] == [4096, 16384]
    loose = [size for size in range(20_000) if Limits(bucket_enforcement=False).envelope_fits(size)]
    assert (loose[0], loose[-1], len(loose)) == (64, 16384, 16384 - 63)


def test_the_largest_frame_is_within_a_message() -> None:
    """The WebSocket's one bound admits every frame and a full batch of prekeys."""
    assert 76 + limits.ENVELOPE_BYTES_MAX < limits.MESSAGE_BYTES_MAX
    assert (
        limits.ONE_TIME_PREKEYS_BATCH_MAX * PREKEY_RECORD_BYTES * 4 / 3 < limits.MESSAGE_BYTES_MAX
    )


def test_limits_are_fixed_and_their_errors_repeat_nothing() -> None:
    """What a relay announced stays as it was, and what it announced wrongly is not quoted."""
    announced = Limits()
    with pytest.raises(ValidationError, match="frozen"):
        announced.post_seconds_max = 5  # pyright: ignore[reportAttributeAccessIssue]  # what must not be possible
    with pytest.raises(ValidationError) as refused:
        Limits.model_validate({"post_seconds_max": "a secret"})
    assert "a secret" not in str(refused.value)
    assert announced.bucket_enforcement
