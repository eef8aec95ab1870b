"""A relay with one subscriber, as it stands beside what is measured: cheap, and exact.

The relay is the process that an operator starts. The subscriber is another one (crowd.py), which
reads raw bytes and counts the updates in them: what it takes is taken from the writers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from bench.support.processes import Child, crowd
from bench.support.relay_clients import open_all, serving

ORG = "org-a"
_PATIENCE_S = 60


class Delivery:
    """A subscriber that is live on some topics."""

    def __init__(self, dsn: str, subscriber: Child, before: dict[str, int]) -> None:
        self._dsn = dsn
        self._subscriber = subscriber
        self._before = before
        self._awaited = 0

    def wait_for(self, more: int) -> None:
        """Returns when so many updates have come, beside those that were waited for before."""
        self._awaited += more
        self._subscriber.ask(do="await", markers=self._awaited, seconds=_PATIENCE_S)

    def check(self) -> None:
        """Raises RuntimeError unless every update has come, and once."""
        written = sum(heads_of(self._dsn, [*self._before]).values()) - sum(self._before.values())
        found = self._subscriber.ask(do="await", markers=written, seconds=_PATIENCE_S)
        if found["markers"] != written:
            raise RuntimeError(f"{written} updates were written, {found['markers']} delivered")


@contextmanager
def listened_to(dsn: str, topics: Sequence[str], poll_s: float) -> Iterator[Delivery]:
    """A relay whose subscriber is live on the topics.

    poll_s: how often the relay looks for updates, whether or not anything woke it.

    Raises RuntimeError at the end unless every update has been delivered, and once.
    """
    with serving(dsn, slow_poll_interval_s=poll_s) as relay, crowd() as subscriber:
        before = heads_of(dsn, topics)
        open_all(subscriber, relay.host, relay.port, relay.steps_from(ORG, before), 1)
        delivery = Delivery(dsn, subscriber, before)
        yield delivery
        delivery.check()


def heads_of(dsn: str, topics: Sequence[str]) -> dict[str, int]:
    """The last watermark of each topic."""
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT topic, head_watermark FROM runtime.sync_topic_sequences"
                " WHERE topic = ANY (%s)",
                [list(topics)],
            ).fetchall()
        )
