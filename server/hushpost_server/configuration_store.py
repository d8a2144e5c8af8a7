"""The part of the configuration that says where mail is kept (docs/configuration.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr, model_validator


class StoreSettings(BaseModel):
    """Which store a relay uses, and what several relays on one Redis must agree on."""

    store: Literal["sqlite", "memory", "redis"] = Field(
        default="sqlite",
        description=(
            "`sqlite` keeps mail on disk; `memory` forgets everything when it stops; `redis` shares"
            " one Redis or Valkey among several relays."
        ),
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description=(
            'Where Redis is, with `store = "redis"`: `redis://[user:password@]host:port`, or'
            " `rediss://` for TLS; several hosts, separated by commas, are seeds of one cluster."
        ),
    )
    redis_durability: Literal["replicated", "synced", "memory"] = Field(
        default="synced",
        description=(
            "What `ACCEPTED` promises with Redis: on the disk of the server (`synced`), of a"
            " replica too (`replicated`), or in memory alone. See docs/spec/store.md."
        ),
    )
    drain_seconds: float = Field(
        default=15.0,
        ge=0,
        le=3600,
        description=(
            'With `store = "redis"`: a relay that is told to stop sends its clients to the others'
            " in waves over at most so long, so that they do not all come there at once; 0: all at"
            " once. With other stores there is nowhere else to go, and all leave at once."
        ),
    )

    @model_validator(mode="after")
    def _check_store(self) -> StoreSettings:
        if self.store == "redis" and not (self.redis_url and self.redis_url.get_secret_value()):
            raise ValueError(
                'store = "redis" needs redis_url: set redis_url = "redis://host:port" in'
                " relay.toml, or HUSHPOST_RELAY_REDIS_URL"
            )
        return self
