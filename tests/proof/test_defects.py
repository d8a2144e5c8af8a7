"""Every defect that is to be planted finds the place in the product that it spoils."""

import os
import subprocess
import sys

import pytest
from hushpost_proof.harness.defects import DEFECT_VARIABLE, DEFECTS, plant


def test_every_defect_can_be_planted_in_a_process_of_its_own() -> None:
    """One that no longer reached the product would show a judge to be good for nothing."""
    look = (
        "import os; from hushpost_proof.harness import defects as d\n"
        f"for name in d.DEFECTS: os.environ['{DEFECT_VARIABLE}'] = name; d.plant()\n"
        "import hushpost_server.submits as s, hushpost.couriers as c\n"
        "print(s.Pending.admitted.__name__, c.Courier._post.__name__)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["too_early", "hopeful"]


def test_an_unknown_defect_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt control would prove nothing, silently."""
    monkeypatch.setenv(DEFECT_VARIABLE, "no-such-defect")
    with pytest.raises(KeyError):
        plant()
    assert len(DEFECTS) == 6
