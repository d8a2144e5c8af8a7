"""The part of the configuration that says where mail is kept (docs/configuration.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr


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
