"""Tests of hushpost_wire.labels: the registry and its page in the specification."""

import re
from pathlib import Path

import pytest
from hushpost_wire import labels

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec" / "labels.md"


def test_page_and_registry_hold_the_same_labels() -> None:
    """docs/spec/labels.md has one row for each label of the code, and no other."""
    rows = re.findall(r"^\| `(hushpost/v1/[^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(rows) == len(set(rows))
    assert set(rows) == set(labels.registered())


def test_every_label_is_ascii_and_ends_in_one_nul() -> None:
    """Labels are `hushpost/v1/<component>/<purpose>` and a NUL, so none is a prefix of another."""
    values = labels.registered()
    for name, label in values.items():
        assert re.fullmatch(r"hushpost/v1/[a-z0-9-]+/[a-z0-9-]+", name)
        assert label == name.encode("ascii") + b"\0"
    assert len(set(values.values())) == len(values)


def test_every_constant_is_registered() -> None:
    """No label stands beside the registry."""
    constants = {
        value for name, value in vars(labels).items() if name.isupper() and isinstance(value, bytes)
    }
    assert constants == set(labels.registered().values())


def test_a_label_is_registered_once() -> None:
    """Registering a name again is an error at import, not a second meaning."""
    with pytest.raises(ValueError, match="registered twice"):
        labels._label("account/id")  # pyright: ignore[reportPrivateUsage]  # the guard itself


def test_registry_cannot_be_changed_from_outside() -> None:
    """What `registered` gives is a copy."""
    labels.registered().clear()
    assert labels.registered()
