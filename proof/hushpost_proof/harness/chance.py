"""The one seed of a run: printed, so that a failed run can be made again."""

import os
import random

SEED_VARIABLE = "HUSHPOST_KILL_SEED"


def chosen_seed() -> int:
    """Return the seed from the environment, or a fresh one, and print it.

    The same seed gives the same moments and choices; what the processes do in between stays theirs.
    """
    given = os.environ.get(SEED_VARIABLE)
    seed = int(given) if given else random.SystemRandom().getrandbits(32)
    print(f"{SEED_VARIABLE}={seed}")
    return seed
