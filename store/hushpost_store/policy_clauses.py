"""The clauses that whatever is kept, logged or counted answers to (docs/policy.md).

Each value is the beginning of a row of that page, section number first; a test holds them to it.
"""

from enum import StrEnum


class Clause(StrEnum):
    """Section and subject, as a row of docs/policy.md begins."""

    ACCOUNT = "2.1 Account registration"
    UNDELIVERED = "2.1 Undelivered messages"
    USAGE = "2.2 Device and usage data"
    LOGS = "2.2 Logs and crash reports"
    SERVICE = "3 Use: providing the service"
    SECURITY = "3 Use: security, fraud"
    ENCRYPTION = "5 Security: encryption"
    ACCESS = "5 Security: access controls"
    MONITORING = "5 Security: audits and monitoring"
    RETENTION = "6 Retention"
    DELETION = "6 Account deletion"
