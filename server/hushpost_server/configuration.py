"""The relay's configuration: every value bounded and described (docs/configuration.md).

One flat table of keys; `configuration_loading` reads it from file, environment and arguments.
docs/configuration.md is rendered from the descriptions below and a test holds the two equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hushpost_store.quotas import Quotas
from hushpost_wire import limits as wire_limits
from hushpost_wire.limits import Limits
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hushpost_server.configuration_kinds import KindChecks
from hushpost_server.configuration_listening import ListeningSettings
from hushpost_server.configuration_store import StoreSettings
from hushpost_server.default_folders import default_data_folder

ENVIRONMENT_PREFIX = "HUSHPOST_RELAY_"

KIB = 1024
MIB = 1024 * 1024


# As pydantic-settings asks: its own `model_config` is of a wider kind than that of the parts.
class Configuration(  # pyright: ignore[reportIncompatibleVariableOverride]
    StoreSettings, ListeningSettings, KindChecks, BaseSettings
):
    """Everything an operator may set. Immutable once built; see `configuration_loading`."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    # -- what it keeps ---------------------------------------------------------------------------
    data_folder: Path = Field(
        default_factory=default_data_folder,
        description="Folder of the database and the identity key; made readable by its owner only.",
    )
    mailbox_envelopes_max: int = Field(
        default=wire_limits.MAILBOX_ENVELOPES_MAX,
        ge=1,
        le=10_000_000,
        description="Envelopes one mailbox may hold.",
    )
    mailbox_bytes_max: int = Field(
        default=wire_limits.MAILBOX_BYTES_MAX,
        ge=16 * KIB,
        le=1 << 40,
        description="Bytes of envelopes one mailbox may hold.",
    )
    drop_envelopes_max: int = Field(
        default=wire_limits.DROP_ENVELOPES_MAX,
        ge=1,
        le=10_000_000,
        description="Envelopes one drop may have queued.",
    )
    drop_bytes_max: int = Field(
        default=wire_limits.DROP_BYTES_MAX,
        ge=16 * KIB,
        le=1 << 40,
        description="Bytes one drop may have queued.",
    )
    knocks_per_day: int = Field(
        default=wire_limits.KNOCKS_PER_DAY,
        ge=1,
        le=100_000,
        description="Knocks a mailbox takes a day; counted by the clock, not by reading them.",
    )
    knock_bytes_max: int = Field(
        default=wire_limits.KNOCK_BYTES_MAX,
        ge=16 * KIB,
        le=1 << 30,
        description="Bytes of knocks queued.",
    )
    drops_per_mailbox_max: int = Field(
        default=wire_limits.DROPS_PER_MAILBOX_MAX,
        ge=1,
        le=1_000_000,
        description="Drops one mailbox may have registered.",
    )
    sweep_interval_seconds: float = Field(
        default=60.0, ge=0.1, le=3600, description="How often expired rows are looked for."
    )

    # -- who may come ----------------------------------------------------------------------------
    registration: Literal["open", "token", "closed"] = Field(
        default="open", description="Who may create an account."
    )
    registration_tokens: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=10_000,
        description=(
            'With `registration = "token"`: the accepted tokens, of at least 16 characters. Each'
            " works until it is taken off the list."
        ),
    )
    connections_max: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Connections served at one time."
    )
    unsent_bytes_max: int = Field(
        default=128 * MIB,
        ge=1 * MIB,
        le=1 << 40,
        description=(
            "Bytes held for clients that do not read, all together; beyond it those that have"
            " stopped reading longest are closed."
        ),
    )
    connects_per_second: float = Field(
        default=400.0,
        ge=0,
        le=1e9,
        description="Handshakes a second, all together; others wait in turn; 0: no limit.",
    )
    accounts_per_second: float = Field(
        default=20.0,
        ge=0,
        le=1e9,
        description="Accounts a second made at this relay, whoever asks; 0: no limit.",
    )
    accounts_burst: int = Field(
        default=100, ge=1, le=1_000_000_000, description="Accounts made in a burst, whoever asks."
    )
    prefix_connections_max: int = Field(
        default=1_000,
        ge=0,
        le=1_000_000,
        description="Connections of one address prefix (IPv4 /24, IPv6 /56); 0: no limit.",
    )

    # -- rates: per second, 0 turns one off; bursts ----------------------------------------------
    connection_submits_per_second: float = Field(
        default=200.0,
        ge=0,
        le=1e9,
        description="Envelopes a second on one connection; 0: no limit.",
    )
    connection_submits_burst: int = Field(
        default=1_000, ge=1, le=1_000_000_000, description="Envelopes in a burst on one connection."
    )
    connection_controls_per_second: float = Field(
        default=20.0,
        ge=0,
        le=1e9,
        description="Control requests a second on one connection; 0: no limit.",
    )
    connection_controls_burst: int = Field(
        default=200, ge=1, le=1_000_000_000, description="Control requests in a burst."
    )
    prefix_submits_per_second: float = Field(
        default=1_000.0, ge=0, le=1e9, description="Envelopes a second of one prefix; 0: no limit."
    )
    prefix_submits_burst: int = Field(
        default=10_000, ge=1, le=1_000_000_000, description="Envelopes in a burst of one prefix."
    )
    prefix_connects_per_second: float = Field(
        default=20.0,
        ge=0,
        le=1e9,
        description="New connections a second of one prefix; 0: no limit.",
    )
    prefix_connects_burst: int = Field(
        default=400, ge=1, le=1_000_000_000, description="New connections in a burst of one prefix."
    )
    prefix_accounts_per_hour: float = Field(
        default=60.0,
        ge=0,
        le=1e9,
        description="Accounts an hour made from one prefix; 0: no limit.",
    )
    prefix_accounts_burst: int = Field(
        default=20, ge=1, le=1_000_000_000, description="Accounts in a burst from one prefix."
    )
    prefix_logins_per_second: float = Field(
        default=20.0,
        ge=0,
        le=1e9,
        description="Login attempts a second of one prefix; 0: no limit.",
    )
    prefix_logins_burst: int = Field(
        default=400, ge=1, le=1_000_000_000, description="Login attempts in a burst of one prefix."
    )
    account_takes_per_hour: float = Field(
        default=120.0,
        ge=0,
        le=1e9,
        description="Prekey takes an hour of one account, whoever asks; 0: no limit.",
    )
    account_takes_burst: int = Field(
        default=60, ge=1, le=1_000_000_000, description="Prekey takes in a burst of one account."
    )
    prefix_takes_per_minute: float = Field(
        default=60.0,
        ge=0,
        le=1e9,
        description="Prekey takes a minute of one prefix; 0: no limit.",
    )
    prefix_takes_burst: int = Field(
        default=100, ge=1, le=1_000_000_000, description="Prekey takes in a burst of one prefix."
    )

    # -- deadlines and bounds of a connection ----------------------------------------------------
    handshake_seconds_max: float = Field(
        default=10.0, ge=0.1, le=120, description="From connect to a finished WebSocket handshake."
    )
    login_seconds_max: int = Field(
        default=wire_limits.LOGIN_SECONDS_MAX,
        ge=1,
        le=300,
        description="From the handshake to a login on the inbox.",
    )
    post_seconds_max: int = Field(
        default=wire_limits.POST_SECONDS_MAX,
        ge=1,
        le=86_400,
        description="Life of an anonymous connection; clients rotate theirs within ten minutes.",
    )
    ping_interval_seconds: int = Field(
        default=wire_limits.PING_INTERVAL_SECONDS,
        ge=1,
        le=3600,
        description="Silence after which the relay pings.",
    )
    ping_timeout_seconds: int = Field(
        default=wire_limits.PING_TIMEOUT_SECONDS,
        ge=1,
        le=3600,
        description="Time for the answer to a ping; then the connection is closed.",
    )
    slow_reader_seconds: float = Field(
        default=20.0,
        ge=0.1,
        le=600,
        description="How long a client may leave its full write buffer unread before it is closed.",
    )
    write_buffer_bytes_max: int = Field(
        default=512 * KIB,
        ge=32 * KIB,
        le=64 * MIB,
        description="Unsent bytes at which the relay stops pushing to, and reading from, a client.",
    )
    deliveries_in_flight_max: int = Field(
        default=wire_limits.DELIVERIES_IN_FLIGHT_MAX,
        ge=1,
        le=4096,
        description="Unacknowledged envelopes in flight to one client.",
    )
    submits_in_flight_max: int = Field(
        default=wire_limits.SUBMITS_IN_FLIGHT_MAX,
        ge=1,
        le=4096,
        description="Unanswered envelopes in flight from one client.",
    )
    refusal_tick_milliseconds: int = Field(
        default=25,
        ge=1,
        le=1000,
        description="NO_DROP answers leave on this tick, so that time does not tell them apart.",
    )

    # -- the quiet profile -----------------------------------------------------------------------
    quiet: bool = Field(
        default=False,
        description=(
            "The quiet profile: every answer to a sender leaves on a tick of 250 ms, so that its"
            " time does not tell who is online, and mail that its recipient acknowledges at once"
            " never reaches the disk. Senders wait up to half a second for each answer."
        ),
    )
    quiet_bytes_max: int = Field(
        default=32 * MIB,
        ge=MIB,
        le=4096 * MIB,
        description=(
            "With `quiet`: memory for envelopes whose answers wait for the tick. At the bound"
            " nobody who posts is read until there is room."
        ),
    )

    # -- what the operator sees ------------------------------------------------------------------
    metrics: bool = Field(default=True, description="Serve health and metrics, on loopback only.")
    metrics_port: int = Field(
        default=8441,
        ge=0,
        le=65535,
        description="Loopback port of `/health` and `/metrics`; 0 takes a free one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe of the relay's own events to log."
    )

    # -- unsafe: each is announced at every start and in health ----------------------------------
    unsafe_third_party_logs: bool = Field(
        default=False,
        description=(
            "Let libraries log what they like at `log_level`: frames, SQL, values of exceptions."
        ),
    )
    unsafe_no_bucket_enforcement: bool = Field(
        default=False,
        description=(
            "Accept envelopes of 64 to 16384 bytes, not only whole buckets. Sizes then tell"
            " messages apart. For benchmarks; announced at start, in `hello` and in health."
        ),
    )

    @model_validator(mode="after")
    def _check_together(self) -> Configuration:
        if self.registration == "token" and not self.registration_tokens:
            raise ValueError('registration = "token" needs at least one of registration_tokens')
        if any(len(token.get_secret_value()) < 16 for token in self.registration_tokens):
            raise ValueError("registration_tokens must each have at least 16 characters")
        if self.drop_bytes_max > self.mailbox_bytes_max:
            raise ValueError("drop_bytes_max must not be above mailbox_bytes_max")
        if self.quiet and self.store == "redis":
            raise ValueError(
                'quiet = true needs store = "sqlite": Redis syncs each write when it comes, and'
                " cannot hold commits back for the tick"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say where values come from, strongest first; no file but one named by `with_file`."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

    def quotas(self) -> Quotas:
        """Gather what the store holds each mailbox to."""
        return Quotas(
            mailbox_envelopes_max=self.mailbox_envelopes_max,
            mailbox_bytes_max=self.mailbox_bytes_max,
            drop_envelopes_max=self.drop_envelopes_max,
            drop_bytes_max=self.drop_bytes_max,
            knocks_per_day=self.knocks_per_day,
            knock_bytes_max=self.knock_bytes_max,
            drops_max=self.drops_per_mailbox_max,
            prekeys_max=wire_limits.ONE_TIME_PREKEYS_MAX,
        )

    def limits(self) -> Limits:
        """Gather what `hello` announces."""
        return Limits(
            bucket_enforcement=not self.unsafe_no_bucket_enforcement,
            submits_in_flight_max=self.submits_in_flight_max,
            deliveries_in_flight_max=self.deliveries_in_flight_max,
            mailbox_envelopes_max=self.mailbox_envelopes_max,
            mailbox_bytes_max=self.mailbox_bytes_max,
            drop_envelopes_max=self.drop_envelopes_max,
            drop_bytes_max=self.drop_bytes_max,
            knocks_per_day=self.knocks_per_day,
            knock_bytes_max=self.knock_bytes_max,
            drops_per_mailbox_max=self.drops_per_mailbox_max,
            login_seconds_max=self.login_seconds_max,
            ping_interval_seconds=self.ping_interval_seconds,
            ping_timeout_seconds=self.ping_timeout_seconds,
            post_seconds_max=self.post_seconds_max,
        )


def with_file(file: Path) -> type[Configuration]:
    """Return the configuration that reads `file`, if it exists, beneath the environment."""

    class WithFile(Configuration):
        """The configuration with its file; a class because the library wants one."""

        model_config = SettingsConfigDict(toml_file=file)

    return WithFile
