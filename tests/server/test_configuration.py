"""Tests of hushpost_server.configuration."""

from __future__ import annotations

from pathlib import Path

from hushpost_server.configuration import Configuration, with_file
from hushpost_server.configuration_loading import bounds_of


def test_the_announced_limits_are_the_configured_ones() -> None:
    """What `hello` says is what is enforced."""
    configuration = Configuration(deliveries_in_flight_max=7, mailbox_envelopes_max=9)
    announced = configuration.limits()
    assert announced.deliveries_in_flight_max == 7
    assert announced.mailbox_envelopes_max == configuration.quotas().mailbox_envelopes_max == 9
    assert announced.bucket_enforcement
    assert not Configuration(unsafe_no_bucket_enforcement=True).limits().bucket_enforcement


def test_every_value_is_described() -> None:
    """No key goes without a sentence, and every number has a bound."""
    for key, field in Configuration.model_fields.items():
        assert field.description, key
        if field.annotation is int or field.annotation is float:
            assert bounds_of(key), key


def test_a_file_is_read_only_where_it_is_named(tmp_path: Path) -> None:
    """A program that embeds the relay gets what it wrote, and no file of the machine's."""
    file = tmp_path / "relay.toml"
    file.write_text("listen_port = 7\n")
    assert with_file(file)().listen_port == 7
    assert with_file(tmp_path / "absent.toml")().listen_port == Configuration().listen_port == 8440
