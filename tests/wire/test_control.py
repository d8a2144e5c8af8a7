"""Control messages are a closed set, strict in every field, and errors repeat nothing received."""

import json
from typing import Any, get_args

import pytest
from hushpost_wire.control import (
    Control,
    ControlToClient,
    ControlToInboxRelay,
    ControlToRelay,
    CountPrekeys,
    CreateAccount,
    Error,
    ErrorCode,
    Login,
    PostRequest,
    Role,
    decode_control_to_client,
    decode_control_to_relay,
    encode_control,
)
from hushpost_wire.errors import ControlMalformed, FrameOversized
from hushpost_wire.limits import CONTROL_BYTES_MAX, ONE_TIME_PREKEYS_BATCH_MAX
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.control_examples import TO_CLIENT, TO_RELAY, Example, filled

POST_TYPES = {"take_prekeys", "fetch_device_list"}
EXAMPLES = [(example, False) for example in TO_RELAY] + [(example, True) for example in TO_CLIENT]


def decode(example: Example, to_client: bool) -> Control:
    """Decode an example at the endpoint it belongs to."""
    text = json.dumps(example)
    if to_client:
        return decode_control_to_client(text)
    role = Role.POST if example.get("type") in POST_TYPES else Role.INBOX
    return decode_control_to_relay(text, role)


def test_every_message_has_an_example() -> None:
    """The examples cover the union of each direction, no more and no less."""
    for examples, union in ((TO_RELAY, ControlToRelay), (TO_CLIENT, ControlToClient)):
        names = {model.model_fields["type"].default for model in get_args(union)}
        assert {example["type"] for example in examples} == names


@pytest.mark.parametrize(("example", "to_client"), EXAMPLES)
def test_examples_survive_a_round_trip(example: Example, to_client: bool) -> None:
    """An example decodes, and encodes to the same JSON."""
    message = decode(filled(example), to_client)
    assert json.loads(encode_control(message)) == filled(example)


@pytest.mark.parametrize(("example", "to_client"), EXAMPLES)
def test_an_unknown_field_is_refused(example: Example, to_client: bool) -> None:
    """Nothing rides along unread."""
    with pytest.raises(ControlMalformed):
        decode({**filled(example), "also": 1}, to_client)


OPTIONAL = {"token", "one_time", "signed", "seal", "retry_after"}


@pytest.mark.parametrize(("example", "to_client"), EXAMPLES)
def test_a_missing_field_is_refused(example: Example, to_client: bool) -> None:
    """Every field but the optional ones must be there."""
    for name in example:
        if name in OPTIONAL or (example["type"], name) == ("error", "id"):
            continue
        with pytest.raises(ControlMalformed):
            decode({key: part for key, part in filled(example).items() if key != name}, to_client)


@pytest.mark.parametrize(("example", "to_client"), EXAMPLES)
def test_every_byte_field_has_its_length(example: Example, to_client: bool) -> None:
    """One byte short, one long, padded or not base64url at all: refused."""
    good = filled(example)
    for name, part in example.items():
        if not (isinstance(part, str) and part.startswith("<")):
            continue
        for bad in ("", good[name][:-4] if len(good[name]) % 4 != 1 else "A", good[name] + "=", 7):
            if name in {"device_list", "seal"} and isinstance(bad, str) and len(bad) > 5:
                continue  # a range of lengths: its ends are tested below
            with pytest.raises(ControlMalformed):
                decode({**good, name: bad}, to_client)


def test_record_lengths_have_their_ends() -> None:
    """A device list is 204 to 652 bytes and a seal record 1405 to 1659."""
    for size, good in ((203, False), (204, True), (652, True), (653, False)):
        message = {"type": "publish_device_list", "id": 1, "device_list": f"<{size} bytes>"}
        _decodes(message, good)
    for size, good in ((1404, False), (1405, True), (1659, True), (1660, False)):
        _decodes({"type": "publish_prekeys", "id": 1, "seal": f"<{size} bytes>"}, good)


def _decodes(message: Example, good: bool) -> None:
    if good:
        decode(filled(message), to_client=False)
    else:
        with pytest.raises(ControlMalformed):
            decode(filled(message), to_client=False)


@pytest.mark.parametrize("bad", [-1, 2**32, 1.0, "1", True, None])
def test_ids_are_strict_u32(bad: Any) -> None:
    """No float, text, boolean or number out of range stands for an id."""
    with pytest.raises(ControlMalformed):
        decode({"type": "count_prekeys", "id": bad}, to_client=False)


def test_a_batch_of_prekeys_is_bounded() -> None:
    """Twenty one-time prekeys fit a message with the weekly records; twenty-one are refused."""
    batch = ["<1708 bytes>"] * ONE_TIME_PREKEYS_BATCH_MAX
    full = filled(
        {
            "type": "publish_prekeys",
            "id": 1,
            "one_time": batch,
            "signed": "<1708 bytes>",
            "seal": "<1659 bytes>",
        }
    )
    assert len(json.dumps(full)) < CONTROL_BYTES_MAX
    decode(full, to_client=False)
    with pytest.raises(ControlMalformed):
        decode({**full, "one_time": [*full["one_time"], full["one_time"][0]]}, to_client=False)


def test_the_largest_answers_fit_a_message() -> None:
    """Prekeys of eight devices, sixteen full lists, 500 expired drops: each within 64 KiB."""
    bundle = TO_CLIENT[5]["bundles"][0]
    largest: list[Example] = [
        {
            **TO_CLIENT[5],
            "device_list": "<652 bytes>",
            "bundles": [{**bundle, "seal": "<1659 bytes>"}] * 8,
        },
        {**TO_CLIENT[6], "lists": ["<652 bytes>"] * 16},
        {**TO_CLIENT[9], "drops": [{"drop_ref": "<16 bytes>", "count": 2**32 - 1}] * 500},
        {**TO_CLIENT[0], "handovers": ["<136 bytes>"] * 16, "host": "h" * 255},
    ]
    for example in largest:
        assert len(encode_control(decode(filled(example), to_client=True))) < CONTROL_BYTES_MAX


def test_an_oversized_message_is_told_apart() -> None:
    """Beyond 64 KiB the close code is 1009, whatever the text is."""
    for data in (" " * (CONTROL_BYTES_MAX + 1), b" " * (CONTROL_BYTES_MAX + 1)):
        with pytest.raises(FrameOversized):
            decode_control_to_relay(data, Role.INBOX)


def test_endpoints_know_their_own_messages_only() -> None:
    """What belongs to the inbox is malformed on post, and the reverse."""
    for example in TO_RELAY:
        wrong = Role.INBOX if example["type"] in POST_TYPES else Role.POST
        with pytest.raises(ControlMalformed):
            decode_control_to_relay(json.dumps(filled(example)), wrong)
    assert not set(get_args(ControlToInboxRelay)) & set(get_args(PostRequest))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", "null", '"x"', "{}", '{"type":"zork"}', '{"type":1}', "[" * 9999]
)
def test_what_is_no_message_is_malformed(text: str) -> None:
    """Broken JSON, other JSON, no type, an unknown type, deep nesting."""
    with pytest.raises(ControlMalformed):
        decode_control_to_relay(text, Role.INBOX)
    with pytest.raises(ControlMalformed):
        decode_control_to_client(text)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_decodes_or_is_malformed(data: str | bytes) -> None:
    """No input reaches the caller as another error."""
    for role in Role:
        with pytest.raises(ControlMalformed):
            decode_control_to_relay(data, role)


def test_errors_repeat_nothing_that_was_received() -> None:
    """Not a value, not the name of an unknown field, not the chain of causes."""
    canary = "c4n4ry"
    login = filled(TO_RELAY[1])
    for bad in (
        {**login, canary: canary},
        {**login, "account": canary},
        {**login, "id": canary},
        {"type": canary},
        [canary],
    ):
        with pytest.raises(ControlMalformed) as caught:
            decode_control_to_relay(json.dumps(bad), Role.INBOX)
        assert canary not in str(caught.value)
        assert caught.value.__cause__ is None


def test_absent_options_are_left_out_and_tokens_out_of_reprs() -> None:
    """Null is never sent; a registration token is a secret."""
    assert encode_control(Error(code=ErrorCode.RETRY)) == '{"type":"error","code":"retry"}'
    account = decode(filled(TO_RELAY[0]), to_client=False)
    assert isinstance(account, CreateAccount)
    assert account.token is not None
    assert account.token not in repr(account)


def test_messages_are_frozen() -> None:
    """A received message cannot be changed on its way through the program."""
    login = decode(filled(TO_RELAY[1]), to_client=False)
    assert isinstance(login, Login)
    with pytest.raises(ValueError, match="frozen"):
        login.id = 9


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"type":"count_prekeys"}', "missing at count_prekeys.id"),
        ('{"type":"count_prekeys","id":1,"my name":1}', "extra_forbidden at message"),
        ('{"type":"my name"}', "union_tag_invalid at message"),
        ("{", "json_invalid at message"),
        ("5", "at message"),
    ],
)
def test_a_complaint_names_our_fields_and_nothing_of_the_peers(text: str, complaint: str) -> None:
    """A field of ours by its place; what the peer made up is left out."""
    with pytest.raises(ControlMalformed) as refused:
        decode_control_to_relay(text, Role.INBOX)
    assert str(refused.value).endswith(complaint)
    assert "my name" not in str(refused.value)


def test_a_message_may_be_as_large_as_the_limit() -> None:
    """To the byte."""
    text = '{"type":"count_prekeys","id":1}'
    padded = text + " " * (CONTROL_BYTES_MAX - len(text))
    assert decode_control_to_relay(padded, Role.INBOX) == CountPrekeys(id=1)
    with pytest.raises(FrameOversized):
        decode_control_to_relay(padded + " ", Role.INBOX)
