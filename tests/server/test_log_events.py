"""Tests of hushpost_server.log_events."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hushpost_server.log_events import (
    EVENTS,
    FIELDS,
    NUMBER_MAX,
    Kind,
    ValueRefused,
    class_of,
    place_of,
)

SERVER = Path(__file__).parents[2] / "server" / "hushpost_server"
ACCOUNT = "7f3a" * 16


def caught() -> BaseException:
    """Return an exception that quotes an account, with its traceback."""
    try:
        raise LookupError(ACCOUNT)
    except LookupError as error:
        return error


def test_every_field_of_an_event_is_declared_with_a_purpose() -> None:
    """Events name fields that exist, and each field and event says what it is for."""
    for event in EVENTS.values():
        assert set(event.fields) <= FIELDS.keys()
        assert event.purpose
        assert event.sentence
    assert all(field.purpose for field in FIELDS.values())
    used = {name for event in EVENTS.values() for name in event.fields}
    assert used == FIELDS.keys()


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize(
    "value",
    [ACCOUNT, int(ACCOUNT, 16), int(ACCOUNT[:32], 16), -1, NUMBER_MAX, ACCOUNT.encode(), [ACCOUNT]],
)
def test_no_field_takes_an_account_in_any_form(name: str, value: object) -> None:
    """An account or device id is refused as text, number and bytes by every field there is."""
    with pytest.raises(ValueRefused) as refused:
        FIELDS[name].render(value)  # type: ignore[arg-type]  # what no caller may pass
    assert ACCOUNT[:8] not in str(refused.value)


def test_a_word_is_taken_from_its_closed_set_alone() -> None:
    """What is written is the declared word."""
    assert FIELDS["store"].render("memory") == "memory"
    with pytest.raises(ValueRefused, match="store takes a word of a closed set"):
        FIELDS["store"].render("tape")


def test_a_flag_is_no_number_and_a_number_no_flag() -> None:
    """Python calls True a number; a field does not."""
    assert FIELDS["tls"].render(True) == "true"
    assert FIELDS["expired"].render(3) == "3"
    for name, value in (("tls", 1), ("expired", True)):
        with pytest.raises(ValueRefused):
            FIELDS[name].render(value)


def test_an_exception_shows_its_class_and_its_place_and_not_its_text() -> None:
    """Class, module and line help whoever mends it; the message may quote anybody."""
    error = caught()
    assert class_of(error) == class_of(LookupError) == "LookupError"
    assert place_of(error).startswith(f"{__name__}:")
    line = EVENTS["sweep_failed"].render({"error": error})
    assert "error=LookupError" in line
    assert ACCOUNT not in line
    assert class_of(None) == place_of(None) == place_of(LookupError) == "none"


def test_a_class_made_at_run_time_is_not_named() -> None:
    """A name that the class's module does not know could hold anything."""
    made = type(f"Error{ACCOUNT}", (Exception,), {})
    assert class_of(made()) == "unlisted"
    liar = type(f"Error{ACCOUNT}", (Exception,), {"__module__": ACCOUNT})
    assert class_of(liar()) == "unlisted"


def test_a_place_is_a_module_that_is_loaded() -> None:
    """Code that names its own module cannot put words into the log."""
    scope = {"__name__": f"evil {ACCOUNT}"}
    exec("def fail(): raise LookupError", scope)  # the point is code of another's making
    with pytest.raises(LookupError) as error:
        scope["fail"]()  # type: ignore[operator]  # the function that was just made
    assert place_of(error.value).startswith(f"{__name__}:")


def test_the_place_is_the_innermost_frame_of_hushpost() -> None:
    """Where a library raised is less use than who called it."""
    with pytest.raises(ValueRefused) as error:
        FIELDS["tls"].render("x")
    assert place_of(error.value).startswith("hushpost_server.log_events:")


def test_an_event_takes_exactly_its_fields() -> None:
    """One more or one less is refused, and named."""
    with pytest.raises(
        ValueRefused, match="relay_stopped takes exactly its declared fields; not so: account"
    ):
        EVENTS["relay_stopped"].render({"account": ACCOUNT})
    with pytest.raises(ValueRefused, match="not so: expired"):
        EVENTS["sweep_done"].render({})


def test_every_declared_event_is_written_somewhere() -> None:
    """An event that no code writes is no event of this relay."""
    written = {
        node.args[0].value
        for path in SERVER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "write"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert EVENTS.keys() <= written


def test_kinds_are_words_for_people() -> None:
    """A kind's value stands in the inventory."""
    assert all(" " in kind.value for kind in Kind)
