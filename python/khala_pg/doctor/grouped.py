"""Check of grouped topics: whether staged writes get their watermarks."""

from collections.abc import Iterator
from typing import Any

import psycopg

from khala_pg.doctor.finding import Finding, failed, ok

_PATIENCE_S = 60


def check_grouped_topics(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Names each topic whose oldest staged write waits for too long."""
    late = connection.execute(
        "SELECT w.topic, w.position, w.doc_key,"
        " extract(epoch FROM clock_timestamp() - w.staged_at)::bigint"
        " FROM runtime.sync_topic_staging AS g CROSS JOIN LATERAL ("
        "SELECT s.topic, s.position, s.doc_key, s.staged_at FROM runtime.sync_staged_writes AS s"
        " WHERE s.topic = g.topic AND s.position > g.settled ORDER BY s.position LIMIT 1) AS w"
        " WHERE w.staged_at < clock_timestamp() - make_interval(secs => %s) ORDER BY w.topic",
        (_PATIENCE_S,),
    ).fetchall()
    for topic, position, doc_key, age_s in late:
        yield failed(
            "grouped topics",
            f"topic {topic} is not sequenced: its oldest staged write, position {position} with "
            f"document {doc_key!r}, has waited for {age_s} s",
            f"Start a relay, or run `khala sequence {topic}`, which says why if it fails; so does "
            "a relay's log. Remove the reason, or delete the row of runtime.sync_staged_writes.",
        )
    if not late:
        yield ok("grouped topics", f"no staged write has waited for {_PATIENCE_S} s")
