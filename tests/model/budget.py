"""How long a machine runs: in `make test`, and in `make model`.

HUSHPOST_MODEL_TIMES multiplies the examples: `make model` sets it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

import pytest
from hushpost_store.errors import StoreMisuse
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

TIMES = int(os.environ.get("HUSHPOST_MODEL_TIMES", "1"))
# A machine's share of `make test`; a planted bug must be found within the same.
EXAMPLES = 100
STEPS = 40
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


Maker = Callable[[], RuleBasedStateMachine]


def must_hold(machine: Maker, examples: int = EXAMPLES) -> None:
    """Run a machine that must find nothing."""
    run_state_machine_as_test(
        _type_of(machine),
        settings=settings(
            max_examples=examples * TIMES,
            stateful_step_count=STEPS,
            deadline=None,
            # What explains a failure traces every line, for minutes; the shrunk steps say enough.
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=SLOW,
        ),
    )


def must_find(machine: Maker, examples: int = EXAMPLES) -> None:
    """Run a machine that must find something, always the same examples, and shrink nothing.

    Flaky: found, and not found again by the repetition, or at another step, as where a thread or
    a server was faster this time. What is drawn depends on nothing outside: a repetition that
    stops elsewhere has failed elsewhere, or not at all.
    """
    with pytest.raises((AssertionError, StoreMisuse, Flaky)):
        run_state_machine_as_test(
            _type_of(machine),
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=SLOW,
            ),
        )


def _type_of(machine: Maker) -> type[RuleBasedStateMachine]:
    # Hypothesis calls what it is given, and names only types in its signature.
    return cast(type[RuleBasedStateMachine], machine)
