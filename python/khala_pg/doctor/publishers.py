"""Check of publishers: whether they work, and what they have not delivered."""

from collections.abc import Iterator
from typing import Any

import psycopg

from khala_pg.doctor.finding import Finding, failed, ok, warned

_PATIENCE_S = 300
# Of the retention horizon: beyond it a purge is near.
_SHARE = 0.5
_CHECK = "publishers"


def check_publishers(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Names each publisher that does not work, lags, was overtaken or has set updates aside."""
    rows = connection.execute(
        "SELECT s.publisher, s.topic, s.state, s.oldest_age_s::bigint, s.set_aside, s.overtaken,"
        " s.last_error, s.oldest_age_s > extract(epoch FROM t.retention_horizon) * %s,"
        " coalesce(s.unread + s.waiting + s.in_flight, 0)"
        " FROM khala.publisher_stats AS s LEFT JOIN runtime.sync_topics AS t ON t.topic = s.topic"
        " ORDER BY s.publisher, s.topic",
        (_SHARE,),
    ).fetchall()
    found = False
    for publisher, topic, state, age_s, aside, overtaken, error, is_near, left in rows:
        where = f"{publisher}: {topic}"
        if is_near and left:
            yield failed(
                _CHECK,
                f"{where}: the oldest update that is not delivered is {age_s} s old, and retention "
                "may purge it soon",
                f"Have `khala publish {publisher}` deliver, or raise the topic's horizon with "
                "`khala topics set`. After a purge it delivers the current documents instead.",
            )
        elif age_s > _PATIENCE_S and left and state != "paused":
            reason = f"; its last error: {error}" if error else ""
            yield warned(
                _CHECK,
                f"{where}: {state}, and the oldest update that is not delivered is {age_s} s old"
                f"{reason}",
                f"Start `khala publish {publisher}`."
                if state == "stopped"
                else "`khala publishers` shows what is left.",
            )
        elif not (aside or overtaken):
            continue
        found = True
        if aside:
            yield warned(
                _CHECK,
                f"{where}: {aside} updates were refused and set aside",
                f"`khala publishers aside {publisher}` lists them; `khala publishers retry "
                f"{publisher}` queues them again.",
            )
        if overtaken:
            yield warned(
                _CHECK,
                f"{where}: retention has purged {overtaken} updates before they were read; the "
                "current documents were delivered instead",
                "Raise the topic's horizon with `khala topics set`, so that it outlasts a "
                "publisher's longest pause.",
            )
    if not found:
        yield ok(_CHECK, "none" if not rows else "all deliver, and nothing was set aside")
