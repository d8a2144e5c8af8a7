"""What is planted in a relay on Redis is there, or says that the product is another."""

import subprocess
import sys

import pytest

_LOOK = """
import os
from hushpost_proof.redis_faults import planted_relay
planted_relay.DEFECTS[{name!r}]()
from hushpost_store.redis import scripts, wake_ups
texts = scripts.all_scripts()
print(wake_ups.LOOK_SECONDS > 60, b"return true" in texts["acknowledge"].text)
"""


def _planted(code: str) -> subprocess.CompletedProcess[str]:
    # In a process of its own: what is planted stays planted.
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("name", "found"), [("no-look", "True False"), ("no-fence", "False True")])
def test_a_defect_is_planted(name: str, found: str) -> None:
    """Each defect changes what it names, and nothing of the other."""
    told = _planted(_LOOK.format(name=name))
    assert told.stdout.split("\n")[0] == found, told.stderr


def test_a_fence_that_is_elsewhere_is_missed_loudly() -> None:
    """Where the scripts no longer hold the fence, planting fails instead of showing nothing."""
    code = "import re\nfrom hushpost_proof.redis_faults import planted_relay\n"
    code += "planted_relay._FENCE = re.compile(b'nowhere')\n"
    told = _planted(code + _LOOK.format(name="no-fence"))
    assert "DefectNotPlanted" in told.stderr
