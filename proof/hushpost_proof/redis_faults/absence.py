"""Whether the servers that these experiments strike can be had on this machine."""

from hushpost_demo.redis_servers import INSTALL, is_installed


def redis_absent() -> str:
    """Say what is missing, or nothing."""
    return "" if is_installed() else INSTALL
