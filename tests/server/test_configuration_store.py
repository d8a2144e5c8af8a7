"""Where mail is kept: what may be asked for, and that a password shows nowhere."""

import pytest
from hushpost_server.configuration_store import StoreSettings
from pydantic import ValidationError

from tests.server.conftest import quiet


def test_a_relay_keeps_mail_in_sqlite_unless_told_otherwise() -> None:
    """Redis promises a sync by default; a store that does not exist is refused."""
    settings = StoreSettings()
    assert (settings.store, settings.redis_durability) == ("sqlite", "synced")
    with pytest.raises(ValidationError):
        StoreSettings.model_validate({"store": "postgres"})


def test_the_redis_password_is_in_no_repr() -> None:
    """Neither the part nor the whole configuration shows it."""
    assert "secret" not in repr(quiet(store="redis", redis_url="redis://u:secret@h"))


@pytest.mark.parametrize("given", [{}, {"redis_url": ""}])
def test_redis_without_its_address_names_key_and_variable(given: dict[str, str]) -> None:
    """Where to write it, in the file and in the environment."""
    with pytest.raises(ValidationError, match=r"redis_url .*HUSHPOST_RELAY_REDIS_URL"):
        quiet(store="redis", **given)


def test_the_quiet_profile_on_redis_is_refused_with_its_reason() -> None:
    """Before anything is opened: Redis cannot hold commits back."""
    with pytest.raises(ValidationError, match='quiet = true needs store = "sqlite"'):
        quiet(store="redis", redis_url="redis://h", quiet=True)
