"""The relay host as it stands in addresses, seal records and login (docs/spec/addresses.md).

One spelling per host, as it is signed and compared byte by byte: lower-case ASCII, a DNS name, an
IPv4 address or a bracketed IPv6 address, and a port only when one is named. International names
go in their `xn--` form.
"""

import ipaddress
import re
from typing import Final, NewType

from hushpost_wire.errors import MalformedRecord

Host = NewType("Host", str)

# One length byte in the seal record; a DNS name is at most 253 characters.
HOST_BYTES_MAX: Final = 255

_NAME_BYTES_MAX: Final = 253
_DNS_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}\Z")


def parse_host(text: str) -> Host:
    """Check `name`, `name:port`, IPv4 or `[IPv6]`; raises `MalformedRecord` saying why."""
    if not text:
        raise MalformedRecord("the host is empty")
    if len(text) > HOST_BYTES_MAX:
        raise MalformedRecord(f"the host is longer than {HOST_BYTES_MAX} characters")
    if not text.isascii():
        raise MalformedRecord("the host is not ASCII; write international names in xn-- form")
    if text != text.lower():
        raise MalformedRecord("the host is not in lower case")
    name, port = _split(text)
    _check_name(name)
    if port is not None and (not _PORT.match(port) or int(port) > 65535):
        raise MalformedRecord(f"the port {port!r} is no number from 1 to 65535")
    return Host(text)


def is_loopback(host: Host) -> bool:
    """Whether plain `ws://` is allowed to this host: it never leaves the machine."""
    name, _ = _split(host)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        if not bracket:
            raise MalformedRecord("the host opens a bracket and never closes it")
        if rest and not rest.startswith(":"):
            raise MalformedRecord("the host has text after its closing bracket")
        return name + bracket, rest[1:] if rest else None
    name, colon, port = text.partition(":")
    return name, port if colon else None


def _check_name(name: str) -> None:
    if name.startswith("["):
        inner = name[1:-1]
        try:
            address = ipaddress.IPv6Address(inner)
        except ValueError:
            raise MalformedRecord(f"{name} is no IPv6 address") from None
        if address.ipv4_mapped is not None:
            raise MalformedRecord(f"{name} is the IPv4 address {address.ipv4_mapped}: write that")
        canonical = str(address)
        if inner != canonical or "%" in inner:
            raise MalformedRecord(f"the IPv6 address is not in its short form [{canonical}]")
        return
    labels = name.split(".")
    if len(name) > _NAME_BYTES_MAX or not all(_DNS_LABEL.match(label) for label in labels):
        raise MalformedRecord(f"{name!r} is no host name")
    if labels[-1].isdigit():
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise MalformedRecord(f"{name!r} is no IPv4 address") from None
