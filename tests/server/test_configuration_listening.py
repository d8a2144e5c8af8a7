"""Tests of hushpost_server.configuration_listening."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_server.configuration import Configuration
from hushpost_server.configuration_listening import ListeningSettings
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_loopback_is_what_nobody_else_reaches(host: str, alone: bool) -> None:
    """Plain ws:// rests on it."""
    assert Configuration(listen_host=host).listens_on_loopback is alone


def test_they_are_the_first_keys_of_the_configuration() -> None:
    """The page that describes the keys begins with where to listen."""
    names = list(ListeningSettings.model_fields)
    assert list(Configuration.model_fields)[: len(names)] == names


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tls_certificate": "c.pem"}, "set both, or neither"),
        ({"tls_key": "k.pem"}, "set both, or neither"),
        (
            {"tls_certificate": "c.pem", "tls_key": "k.pem", "behind_proxy": True},
            "exclude each other",
        ),
        ({"proxy_address_header": "X-Forwarded-For"}, "anyone could forge it"),
        ({"public_host": "relay.example:0"}, "public_host: "),
        ({"public_host": "Relay.example"}, "public_host: .*lower case"),
    ],
    ids=["no key", "no certificate", "two ends of TLS", "forged header", "port", "letters"],
)
def test_keys_that_do_not_fit_each_other_are_refused(keys: dict[str, object], said: str) -> None:
    """Half of TLS, two who terminate it, a header that anyone forges, a host nobody can dial."""
    with pytest.raises(ValidationError, match=said):
        ListeningSettings.model_validate(keys)


def test_keys_that_fit_are_taken() -> None:
    """Each of them has a right place: TLS of one's own, or a proxy that names who comes."""
    own = ListeningSettings.model_validate(
        {"tls_certificate": "c.pem", "tls_key": "k.pem", "public_host": "relay.example:8440"}
    )
    assert (own.tls_key, own.public_host) == (Path("k.pem"), "relay.example:8440")
    keys = {"behind_proxy": True, "proxy_address_header": "X-Forwarded-For"}
    assert ListeningSettings.model_validate(keys).proxy_address_header == "X-Forwarded-For"
