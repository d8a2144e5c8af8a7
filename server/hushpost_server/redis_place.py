"""Where the configuration says that Redis is, for whoever opens or looks at it."""

from __future__ import annotations

from importlib.util import find_spec

from hushpost_store.errors import StoreMisuse
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.url import RedisUrl

from hushpost_server.configuration import Configuration
from hushpost_server.errors import StoreUnfit


def redis_options(configuration: Configuration) -> RedisOptions:
    """Return how to reach the configured Redis. Raises StoreUnfit, which quotes no password."""
    known = configuration.redis_url
    url = known.get_secret_value() if known is not None else ""
    try:
        RedisUrl.parse(url)
    except StoreMisuse as error:
        raise StoreUnfit(f"redis_url cannot be used: {error}") from None
    return RedisOptions(url, Durability(configuration.redis_durability))


def require_packages() -> None:
    """Raise StoreUnfit where what reaches Redis is not installed."""
    if find_spec("redis") is None:
        raise StoreUnfit('store = "redis" needs more packages: pip install "hushpost[redis]"')
