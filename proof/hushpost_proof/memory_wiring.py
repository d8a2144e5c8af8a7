"""The attributes of a relay's long-lived objects that hold no data: references, settings, switches.

Beside `memory_inventory` of the relay, which lists what does. A new attribute belongs into one of
the two: there if it can hold anything about a person, a mailbox or a connection, with its purpose,
bound and end; here if it cannot.
"""

# Classes that are not looked into: settings, which the operator wrote; values of the wire and the
# store; what lives as long as one connection, one envelope or one tick.
PASSED_OVER = frozenset(
    {
        "admission.DropState",
        "admission.DropUsage",
        "admission.MailboxState",
        "answer_tick.Cohort",
        "answer_tick.Ticket",
        "configuration.Configuration",
        "feed.Feed",
        "fragments.Fragments",
        "frame_scanner.FrameScanner",
        "handshake.RequestHead",
        "health._Exchange",
        "limits.Limits",
        "listener.Connection",
        "login.Device",
        "memory._Mailbox",
        "memory_accounts.PrekeyShelf",
        "memory_accounts._Account",
        "quotas.Quotas",
        "rate_limits.PrefixAllowance",
        "rate_limits.Rate",
        "rate_limits.Rates",
        "rate_limits.TokenBucket",
        "relay_protocol.RelayProtocol",
        "relay_records.Handover",
        "rows.AccountRow",
        "rows.DeviceListRow",
        "rows.DeviceRow",
        "rows.ExpiredNotice",
        "rows.OneTimePrekey",
        "rows.OpenedMailbox",
        "rows.PrekeyBundle",
        "rows.StandingRecord",
        "rows.StoreStats",
        "rows.SweepReport",
        "rows.TakenPrekeys",
        "session.Session",
        "sqlite.database._Work",
        "sqlite.row_digest.Finding",
        "sqlite.group.Batch",
        "sqlite.group.Entry",
        "sqlite.group.Job",
        "sqlite.options.SqliteOptions",
        "sqlite.writer._Waiting",
        "quiet_submits.QuietPending",
        "submits.Pending",
        "terms.Terms",
    }
)

# Filled while the modules load, from the source alone.
CONSTANTS = frozenset(
    {"hushpost_store.redis.scripts.all_scripts", "hushpost_wire.labels._registry"}
)

WIRING = {
    "answer_tick.AnswerTick": (
        *("_bound", "_bytes_max", "_clock", "_hold", "_is_hushed", "_is_stopped", "_late"),
        *("_moment", "_on_fault", "_steps", "_stops", "counted_bytes", "is_full"),
    ),
    "answer_tick.TickClock": ("call_at", "now", "pause"),
    "checkup.Checkup": (
        *("configuration", "now", "presence", "reception", "store", "sweeper", "watch"),
    ),
    "commit_watch.CommitWatch": (
        *("_counted", "_log", "_loop_time", "_store", "_told_at", "_untold"),
        "is_failing",
    ),
    "damage_watch.DamageWatch": ("_log", "_store", "_told"),
    "data_folder.DataFolder": ("_configuration", "_log", "_now", "_random", "_store", "path"),
    "health.HealthServer": ("_health", "_metrics", "_on_end", "_server", "buffer"),
    "logging.EventLog": ("_sink",),
    "logging.LoggerSink": ("_logger",),
    "decisions.Decisions": ("_store",),
    "logging.StreamSink": ("_level", "_stream"),
    "memory.MemoryStore": ("_quotas", "commit_hold"),
    "memory_accounts.MemoryAccounts": ("_quotas",),
    "metrics.Metrics": ("_collectors",),
    "quiet_submits.QuietIntake": (
        *("_loop_time", "_submit", "_submitted", "_tick", "accepted", "feeds", "loop_time"),
    ),
    "rate_limits.PrefixTable": ("_entries_max", "_random", "_rates", "rates"),
    "receive_buffer.ReceiveBuffer": ("_zeros",),
    "reception.Reception": (
        *("_checked", "_configuration", "_door", "_empty", "_is_leaving", "_left_traces"),
        *("_log", "_loop"),
        *("_metrics", "_now", "bulk", "take_turns", "unsent"),
        *("_posts_stopped", "_prefixes", "_reading_stopped", "_server", "_services", "_slot"),
        *("handshake_seconds_max", "proxy_address_header", "receive_buffer"),
        *("slow_reader_seconds", "write_buffer_bytes_max"),
    ),
    "refusal_tick.RefusalTick": (
        *(
            "_call_at",
            "_charge",
            "_decided",
            "_index",
            "_now",
            "_probe",
            "_probed",
            "_seconds",
            "_seen",
        ),
        *("_submitted", "is_running", "period"),
    ),
    "relay.RelayServer": (
        *(
            "_answer_tick",
            "_checkup",
            "_commits",
            "_damage",
            "_decisions",
            "_draining",
            "_folder",
            "_given_store",
            "_health_server",
            "_hurry",
            "_log",
        ),
        *("_random", "_tasks", "_watch", "clock", "configuration", "host", "intake", "metrics"),
        *("metrics_url", "port", "reception", "services", "store", "sweeper", "url"),
    ),
    "services.Services": (
        *(
            "accounts",
            "acknowledged",
            "bulk",
            "take_turns",
            "commit_failed",
            "controls",
            "delivered",
            "flush_soon",
            "identity",
            "intake",
            "log",
        ),
        *("loop_time", "metrics", "now", "on_fault", "on_posting", "presence", "quiet"),
        *("random", "rates", "refusals", "serve", "store", "takes", "terms"),
    ),
    "sqlite.checkpointer.Checkpointer": ("_deletion_clock", "_options", "_task", "_writer"),
    "sqlite.commit_hold.SqliteCommitHold": ("_intake", "_writer"),
    "sqlite.database.Database": (
        *("_connection", "_lock", "_options", "_path", "_raw", "damage", "log_was_cut"),
    ),
    "sqlite.database.FileLock": ("_connection", "_path"),
    "sqlite.intake.Intake": ("_bucket_of", "_buckets", "_cache", "_quotas", "_writer"),
    "sqlite.loader.MailboxLoader": ("_buckets", "_cache", "_intake", "_writer"),
    "sqlite.mailbox_cache.MailboxCache": ("_entries_max", "_unknown_routes_max"),
    "sqlite.registry.Registry": (
        *("_buckets", "_cache", "_census", "_clock", "_intake", "_on_closing", "_quotas"),
        "_writer",
    ),
    "sqlite.store.SqliteStore": (
        *("_buckets", "_cache", "_census", "_checkpointer", "_clock", "_database"),
        *("_deletion_clock", "_intake", "_loader", "_options", "_path", "_quotas"),
        *("_registry", "_running", "_writer", "commit_hold"),
    ),
    "sqlite.writer.Writer": (
        *("_database", "_deletion_clock", "_group_bytes_max", "_intake_bytes_max", "_on_done"),
        *("_options", "_pressure_bytes", "_relieved", "_stopping", "_task", "_wake"),
        *("figures", "is_holding"),
    ),
    "submits.Intake": ("_submit", "accepted", "feeds", "loop_time", "submitted", "tick"),
    "sweeper.Sweeper": ("_expired", "_log", "_notify", "_now", "_store"),
    "take_limits.TakeLimits": ("_accounts_max", "_random", "_rate"),
    "turnstile.Turnstile": (
        "_is_open",
        *("_bucket", "_call_later", "_now", "_rate", "_running", "waiting_max"),
    ),
    "unsent.Unsent": ("_bytes_max",),
}
