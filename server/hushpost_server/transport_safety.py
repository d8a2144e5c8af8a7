"""Plain ws:// only where nobody can listen in; TLS 1.3 otherwise (DESIGN 10)."""

from __future__ import annotations

import ssl

from hushpost_server.configuration import Configuration
from hushpost_server.errors import TransportUnsafe


def tls_context(configuration: Configuration) -> ssl.SSLContext | None:
    """Return the TLS context to listen with, None for plain ws:// where that is safe.

    Raises `TransportUnsafe` with what to set when it is not, or the certificate is unusable.
    """
    if configuration.tls_certificate is None:
        if configuration.listens_on_loopback or configuration.behind_proxy:
            return None
        raise TransportUnsafe(
            f"listen_host {configuration.listen_host} can be reached by others, and plain ws://"
            " would show them every drop: set tls_certificate and tls_key, or put a TLS proxy in"
            " front and set behind_proxy = true, or listen on 127.0.0.1"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Resumption tickets are not needed, and their key would be one more secret in memory.
    context.num_tickets = 0
    try:
        context.load_cert_chain(configuration.tls_certificate, configuration.tls_key)
    except FileNotFoundError:
        raise TransportUnsafe(
            f"tls_certificate {configuration.tls_certificate} or tls_key {configuration.tls_key}"
            " does not exist: name the PEM files of certificate chain and key"
        ) from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise TransportUnsafe(
            f"tls_certificate {configuration.tls_certificate} and tls_key cannot be used"
            f" ({reason}): they must be a PEM chain and its unencrypted key"
        ) from None
    return context
