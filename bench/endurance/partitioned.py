"""A journal in partitions that are dropped, not emptied: a prototype to measure, not the product's.

Per topic, ranges of watermarks: the primary key stays, so do the queries. (Ranges of time would be
fewer and the same for all topics, but a topic and watermark could then be there twice, and every
page would be looked for in every range.)
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from khala_pg.migration.migrate import migrate
from khala_pg.resources import db_dir

_PLAIN = """) WITH (
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_scale_factor = 0.02
);
COMMENT ON TABLE runtime.sync_stream_events IS"""
_PARTED = """) PARTITION BY LIST (topic);
COMMENT ON TABLE runtime.sync_stream_events IS"""

# The oldest range of a topic, and the watermark below which it ends.
_OLDEST = """
SELECT c.relname,
    substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?([0-9]+)')::bigint
FROM runtime.sync_topic_retention AS r
INNER JOIN pg_inherits AS i ON i.inhparent = %(parent)s::regclass
INNER JOIN pg_class AS c ON i.inhrelid = c.oid
WHERE r.topic = %(topic)s
ORDER BY 2 NULLS LAST
LIMIT 1
"""
_LAST = "SELECT e.inserted_at < %s FROM runtime.{} AS e ORDER BY e.watermark DESC LIMIT 1"


def migrate_in_partitions(dsn: str, directory: Path) -> None:
    """The schema with a journal in partitions. directory: for a copy of the SQL files."""
    shutil.copytree(db_dir(), directory)
    file = directory / "deploy" / "sync_tables.sql"
    text = file.read_text(encoding="utf-8")
    if _PLAIN not in text:
        raise ValueError("the journal's definition is not what this prototype was made for")
    file.write_text(text.replace(_PLAIN, _PARTED), encoding="utf-8")
    migrate(dsn, directory=directory)


def add_topic(connection: psycopg.Connection[Any], topic: str, bounds: Sequence[int]) -> None:
    """Partitions of a topic: ranges that end below each bound, and one for all that follows."""
    parent = _parent(topic)
    connection.execute("SET ROLE khala_owner")
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} PARTITION OF runtime.sync_stream_events FOR VALUES IN ({})"
            " PARTITION BY RANGE (watermark)"
        ).format(sql.Identifier("runtime", parent), sql.Literal(topic))
    )
    for number, (start, end) in enumerate(zip([None, *bounds], [*bounds, None], strict=True)):
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier("runtime", f"{parent}_{number}"),
                sql.Identifier("runtime", parent),
                sql.SQL("MINVALUE") if start is None else sql.Literal(start),
                sql.SQL("MAXVALUE") if end is None else sql.Literal(end),
            )
        )
    connection.execute("RESET ROLE")


def drop_oldest(connection: psycopg.Connection[Any], topic: str, cutoff: Any) -> int:
    """Drops a topic's oldest range if all of it is older, and moves the floor; the rows gone."""
    with connection.transaction():
        floor = connection.execute(
            "SELECT retention_floor FROM runtime.sync_topic_retention WHERE topic = %s"
            " FOR NO KEY UPDATE",
            [topic],
        ).fetchone()
        parent = f"runtime.{_parent(topic)}"
        oldest = connection.execute(_OLDEST, {"parent": parent, "topic": topic}).fetchone()
        assert floor is not None
        assert oldest is not None
        name, end = oldest
        if end is None:
            return 0
        last = connection.execute(sql.SQL(_LAST).format(sql.Identifier(name)), [cutoff]).fetchone()
        if last is not None and not last[0]:
            return 0
        connection.execute(
            "UPDATE runtime.sync_topic_retention SET retention_floor = %s,"
            " last_purge_at = clock_timestamp(), purges = purges + 1,"
            " purged_events = purged_events + %s WHERE topic = %s",
            [end, end - floor[0], topic],
        )
        # Writers of the topic wait for this lock, but not long for what is done under it.
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("runtime", name)))
        return int(end - floor[0])


def _parent(topic: str) -> str:
    return "journal_" + topic.replace(".", "_")
