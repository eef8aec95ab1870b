"""A relay with one subscriber, as it stands beside what is measured: cheap, and exact.

The relay is the process that an operator starts. The subscriber is another one (crowd.py), which
reads raw bytes and counts the updates in them: what it takes is taken from the writers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from bench.support.processes import crowd
from bench.support.relay_clients import open_all, serving

_PATIENCE_S = 60


@contextmanager
def listened_to(dsn: str, topics: Sequence[str], poll_s: float) -> Iterator[None]:
    """A relay whose subscriber is live on the topics.

    poll_s: how often the relay looks for updates, whether or not anything woke it.

    Raises RuntimeError at the end unless every update has been delivered, and once.
    """
    with serving(dsn, slow_poll_interval_s=poll_s) as relay, crowd() as subscriber:
        before = heads_of(dsn, topics)
        open_all(subscriber, relay.host, relay.port, relay.steps_from("org-a", before), 1)
        yield
        written = sum(heads_of(dsn, topics).values()) - sum(before.values())
        told = subscriber.ask(do="await", markers=written, seconds=_PATIENCE_S)
        if told["markers"] != written:
            raise RuntimeError(f"{written} updates were written, {told['markers']} delivered")


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
