"""What the acceptance tests share."""

import pytest

from support.trials.seeds import choose_seed


@pytest.fixture
def seed() -> int:
    """The seed of a random test."""
    return choose_seed()
