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
    for caution in cautions(configuration):
        log.write(caution.event)
    store = "given" if given_store else configuration.store
    log.write("relay_started", store=store, tls=tls, buckets=enforced)
