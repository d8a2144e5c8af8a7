"""What a relay writes into its log when it starts: what it guarantees, and what it does not."""

from __future__ import annotations

from hushpost_server.cautions import cautions
from hushpost_server.configuration import Configuration
from hushpost_server.logging import EventLog


def announce(log: EventLog, configuration: Configuration, *, given_store: bool, tls: bool) -> None:
    """Write what is unsafe, what is probably not meant, and then the start itself."""
    enforced = not configuration.unsafe_no_bucket_enforcement
    if not enforced:
        log.write("buckets_unenforced")
    if configuration.unsafe_third_party_logs:
        log.write("third_party_logs_unsafe")
    events = {caution.event for caution in cautions(configuration)}
    # Each by its literal name, which is what the source of a relay is searched for.
    if "database_left" in events:
        log.write("database_left")
    if "redis_url_unused" in events:
        log.write("redis_url_unused")
    store = "given" if given_store else configuration.store
    log.write("relay_started", store=store, tls=tls, buckets=enforced)
