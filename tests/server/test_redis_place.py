"""Where Redis is, from the configuration."""

from __future__ import annotations

from importlib import util

import pytest
from hushpost_server import redis_place
from hushpost_server.errors import StoreUnfit
from hushpost_server.redis_place import redis_options, require_packages
from hushpost_store.redis.options import Durability

from tests.server.conftest import quiet


def test_the_configured_redis_is_named() -> None:
    """With the durability that was chosen."""
    options = redis_options(
        quiet(store="redis", redis_url="redis://h:1", redis_durability="replicated")
    )
    assert (options.url, options.durability) == ("redis://h:1", Durability.REPLICATED)


def test_an_address_that_cannot_be_used_is_refused_without_its_password() -> None:
    """It says how one is written; without any, too."""
    with pytest.raises(StoreUnfit, match="redis_url cannot be used") as told:
        redis_options(quiet(store="redis", redis_url="http://u:secret@h"))
    assert "secret" not in str(told.value)
    with pytest.raises(StoreUnfit):
        redis_options(quiet(store="sqlite"))


def test_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    require_packages()

    def find_nothing(_name: str) -> None:
        return None

    monkeypatch.setattr(redis_place, "find_spec", find_nothing)
    with pytest.raises(StoreUnfit, match=r"hushpost\[redis\]"):
        require_packages()
    assert util.find_spec("redis") is not None
