"""Back-off: full jitter below an exponential ceiling, on top of what the server asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.concurrency.backoff import Backoff


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 60))
def test_a_wait_is_within_its_bounds(attempt: int, drawn: float, at_least: float) -> None:
    backoff = Backoff(base=0.25, cap=30)
    wait = backoff.delay(attempt, at_least=at_least, rand=lambda: drawn)
    assert at_least <= wait <= at_least + 30
    assert wait <= at_least + backoff.ceiling(attempt)


def test_ceilings_double_until_the_cap() -> None:
    backoff = Backoff(base=0.5, cap=3)
    assert [backoff.ceiling(n) for n in range(5)] == [0.5, 1, 2, 3, 3]


@pytest.mark.parametrize("drawn", [0.0, 0.5])
def test_jitter_is_full(drawn: float) -> None:
    assert Backoff(base=1, cap=8).delay(3, rand=lambda: drawn) == 8 * drawn
