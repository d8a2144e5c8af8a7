"""Every target there is, by name."""

from __future__ import annotations

from tests.fuzz import client_targets, crypto_targets, relay_targets, wire_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (wire_targets, crypto_targets, client_targets, relay_targets)
    for target in module.TARGETS
}
