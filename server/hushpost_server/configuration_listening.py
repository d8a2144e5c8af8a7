"""The part of the configuration that says where the relay listens (docs/configuration.md)."""

from __future__ import annotations

from pathlib import Path

from hushpost_wire.errors import WireError
from hushpost_wire.host import parse_host
from pydantic import BaseModel, Field, model_validator

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class ListeningSettings(BaseModel):
    """Addresses, ports, TLS and the proxy; the first keys of `Configuration`."""

    listen_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. Anything but loopback needs TLS or `behind_proxy`.",
    )
    listen_port: int = Field(
        default=8440, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    public_host: str = Field(
        default="",
        max_length=255,
        pattern=r"^[\x21-\x7e]*$",
        description=(
            "`host` or `host:port` as it stands in people's addresses. Clients sign it at login, so"
            " it must be what they dial. Empty: the listening address."
        ),
    )
    tls_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate chain; TLS 1.3 only."
    )
    tls_key: Path | None = Field(default=None, description="PEM file of the certificate's key.")
    behind_proxy: bool = Field(
        default=False,
        description=(
            "A proxy in front terminates TLS; plain ws:// is then allowed on any address. The"
            " proxy sees drops and so belongs to the relay's trust domain."
        ),
    )
    proxy_address_header: str = Field(
        default="",
        max_length=64,
        pattern=r"^[A-Za-z0-9-]*$",
        description=(
            "With `behind_proxy`: the header in which the proxy puts the client's address (its"
            " last entry is used, in memory only, for rate limits). Empty: the proxy's own address."
        ),
    )
    backlog_connects_max: int = Field(
        default=1024, ge=1, le=65535, description="Connections the kernel may hold unaccepted."
    )
    uvloop: bool = Field(default=True, description="Use uvloop's event loop where installed.")

    @property
    def listens_on_loopback(self) -> bool:
        """Whether nobody but this machine can connect."""
        return self.listen_host in LOOPBACK_HOSTS

    @model_validator(mode="after")
    def _check_listening(self) -> ListeningSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both, or neither")
        if self.behind_proxy and self.tls_certificate is not None:
            raise ValueError("behind_proxy and tls_certificate exclude each other: set one of them")
        if self.proxy_address_header and not self.behind_proxy:
            raise ValueError(
                "proxy_address_header needs behind_proxy = true: anyone could forge it"
            )
        if self.public_host:
            try:
                parse_host(self.public_host)
            except WireError as error:
                raise ValueError(
                    f"public_host: {error}; write it as relay.example or relay.example:443"
                ) from None
        return self
