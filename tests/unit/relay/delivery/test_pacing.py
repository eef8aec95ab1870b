"""When live feeds rest: what comes alone never waits, what comes faster than one by one does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.relay.delivery.pacing import Pacer

REST_S = 0.02
PULL_S = 0.0005


class Feed:
    """A topic that moves evenly, pulled as a relay pulls it, on a clock that is only counted."""

    def __init__(self, rate: float, pull_s: float = PULL_S) -> None:
        self.rate = rate
        self.pull_s = pull_s
        self.page_at = float("-inf")
        self.next_pull_at = 0.0
        self.pulled = 0
        self.pulls = 0
        self.rests: list[float] = []

    def pull(self, pacer: Pacer) -> None:
        """The next pull, which finds what had been written when it began."""
        written = int(self.next_pull_at * self.rate) + 1
        now = self.next_pull_at + self.pull_s
        updates, self.pulled = written - self.pulled, written
        rest_s = 0.0
        if updates:
            rest_s = pacer.rest_s(now, updates, now - self.page_at, self.pull_s)
            self.page_at = now
            self.pulls += 1
            self.rests.append(rest_s)
        # Without a rest it is woken by the next update.
        self.next_pull_at = now + rest_s if rest_s else max(now, written / self.rate)


def run(feeds: list[Feed], pacer: Pacer, seconds: float) -> None:
    while (feed := min(feeds, key=lambda feed: feed.next_pull_at)).next_pull_at < seconds:
        feed.pull(pacer)


def test_two_hundred_a_second_on_one_topic_are_delivered_one_by_one() -> None:
    feed = Feed(200)
    run([feed], Pacer(REST_S), 10)
    assert not any(feed.rests)
    assert feed.pulls == feed.pulled


def test_a_topic_that_moves_faster_than_it_is_pulled_rests_up_to_the_limit() -> None:
    feed = Feed(4000)
    run([feed], Pacer(REST_S), 10)
    assert feed.rests[-1] == pytest.approx(REST_S)
    assert feed.pulls < feed.pulled / 20


def test_topics_that_are_calm_one_by_one_rest_when_all_together_are_not() -> None:
    feeds = [Feed(150) for _ in range(8)]
    run(feeds, Pacer(REST_S), 10)
    assert sum(feed.pulls for feed in feeds) < sum(feed.pulled for feed in feeds) / 2


def test_a_topic_that_seldom_moves_does_not_rest_beside_busy_ones() -> None:
    seldom = Feed(5)
    run([Feed(4000), seldom], Pacer(REST_S), 10)
    assert not any(seldom.rests)


def test_one_large_transaction_makes_no_busy_relay() -> None:
    pacer = Pacer(REST_S)
    assert pacer.rest_s(1.0, 1000, float("inf"), 0.05) == 0
    # What comes alone after it: no later than what was owed at most has run off.
    assert pacer.rest_s(1.1, 1, 0.1, PULL_S) == 0


def test_a_stall_is_over_when_it_is_over() -> None:
    pacer, feed = Pacer(REST_S), Feed(200)
    run([feed], pacer, 1)
    feed.next_pull_at += 0.3
    run([feed], pacer, 1.5)
    done = len(feed.rests)
    run([feed], pacer, 10)
    assert not any(feed.rests[done:])


def test_calm_comes_back_when_writers_stop() -> None:
    pacer, feed = Pacer(REST_S), Feed(4000)
    run([feed], pacer, 5)
    assert feed.rests[-1] > 0
    assert pacer.rest_s(5.1, 1, 0.03, PULL_S) == 0


def test_a_limit_of_zero_turns_rests_off() -> None:
    feed = Feed(5000)
    run([feed], Pacer(0), 5)
    assert not any(feed.rests)


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.integers(1, 10_000), st.floats(0, 10), st.floats(0, 10)),
        max_size=30,
    ),
    st.floats(0, 1),
)
def test_no_rest_is_longer_than_the_limit(
    pages: list[tuple[float, int, float, float]], max_rest_s: float
) -> None:
    pacer, now = Pacer(max_rest_s), 0.0
    for passed_s, updates, gap_s, took_s in pages:
        now += passed_s
        assert 0 <= pacer.rest_s(now, updates, gap_s, took_s) <= max_rest_s
