"""The unit in docs/deploy: what systemd itself says of it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

UNIT = Path(__file__).parents[2] / "docs" / "deploy" / "hushpost-relay.service"
# What `systemd-analyze security` gave, of 10: it wants no network at all for less.
EXPOSURE_MAX = 1.1

Require = Callable[[bool, str], None]


def exposure(unit: Path) -> float:
    """Return the overall exposure that systemd computes of a unit."""
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,  # it answers 1 above a threshold of its own
    ).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def test_the_exposure_is_what_the_page_says(require: Require) -> None:
    """The figure in docs/operating.md is the one that systemd computes, and no higher than ours."""
    require(
        shutil.which("systemd-analyze") is not None, "systemd-analyze (apt-get install systemd)"
    )
    found = exposure(UNIT)
    assert found <= EXPOSURE_MAX
    page = (UNIT.parents[1] / "operating.md").read_text()
    assert f"exposure level of {found}" in page


def test_a_softer_unit_is_told_apart(require: Require, tmp_path: Path) -> None:
    """Each protection counts: without its sandbox the same unit is above the figure."""
    require(
        shutil.which("systemd-analyze") is not None, "systemd-analyze (apt-get install systemd)"
    )
    softer = tmp_path / UNIT.name
    dropped = ("ProtectSystem", "SystemCallFilter", "CapabilityBoundingSet", "DynamicUser")
    lines = [line for line in UNIT.read_text().splitlines() if not line.startswith(dropped)]
    softer.write_text("\n".join(lines))
    assert exposure(softer) > EXPOSURE_MAX + 1


def test_systemd_understands_every_line(require: Require, tmp_path: Path) -> None:
    """`systemd-analyze verify` finds no unknown key and no value it ignores."""
    require(
        shutil.which("systemd-analyze") is not None, "systemd-analyze (apt-get install systemd)"
    )
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/lib/hushpost/bin/hushpost-relay", "/bin/true"))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in said.stderr.splitlines() if UNIT.name in line]
    assert complaints == []
    unit.write_text(unit.read_text() + "\n[Service]\nProtectEverything=yes\n")
    said = subprocess.run(
        ["systemd-analyze", "verify", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ProtectEverything" in said.stderr
