"""Random tests that can be repeated: one seed, shown when the test fails, settable from outside."""

import os
import random
import secrets

VARIABLE = "KHALA_TEST_SEED"


def choose_seed() -> int:
    """The seed in KHALA_TEST_SEED, else a fresh one; pytest shows it when the test fails."""
    given = os.environ.get(VARIABLE)
    seed = int(given) if given else secrets.randbits(32)
    print(f"{VARIABLE}={seed}")
    return seed


def stream(seed: int, name: str) -> random.Random:
    """A generator of its own for each actor, so that their schedules do not mix their numbers."""
    return random.Random(f"{seed}/{name}")
