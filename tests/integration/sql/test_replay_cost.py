"""A page costs what it holds, not what the journal holds: counted in blocks, not in time."""

from typing import Any

import psycopg

from support.postgres.databases import Database

TOPIC = "runtime.run_summaries"
SMALL, LARGE = 1_000, 100_000
# A deeper index, nothing else: at most a level or two on some of the look-ups.
MOST_RATIO = 1.5

# Rows as khala.sink leaves them, in one statement: the write path is not what is measured here.
_JOURNAL = """
INSERT INTO runtime.sync_stream_events
    (topic, watermark, doc_key, doc_version, org_id, payload, payload_hash, payload_bytes)
SELECT %(topic)s, n, 'doc ' || n %% %(documents)s, n,
    CASE WHEN n %% 100 = 0 THEN 'red' ELSE 'blue' END,
    p.payload, sha256(convert_to(p.payload, 'UTF8')), length(p.payload)
FROM generate_series(%(first)s::bigint, %(last)s) AS n,
    LATERAL (SELECT '{"n":' || n || ',"text":"' || repeat('x', 100) || '"}' AS payload) AS p
"""
_READ_MODEL = """
INSERT INTO runtime.sync_documents
    (topic, doc_key, doc_version, watermark, payload_bytes, org_id, payload_hash, payload)
SELECT DISTINCT ON (e.doc_key) e.topic, e.doc_key, e.doc_version, e.watermark, e.payload_bytes,
    e.org_id, e.payload_hash, e.payload::jsonb
FROM runtime.sync_stream_events AS e WHERE e.topic = %s ORDER BY e.doc_key, e.watermark DESC
ON CONFLICT (doc_key, topic) DO UPDATE SET watermark = excluded.watermark
"""


def _grow(connection: psycopg.Connection[Any], first: int, last: int) -> None:
    connection.execute(
        _JOURNAL, {"topic": TOPIC, "first": first, "last": last, "documents": last // 2}
    )
    connection.execute(_READ_MODEL, [TOPIC])
    connection.execute(
        "UPDATE runtime.sync_topic_sequences SET head_watermark = %s WHERE topic = %s",
        [last, TOPIC],
    )
    connection.execute("VACUUM ANALYZE runtime.sync_stream_events, runtime.sync_documents")


def _blocks(connection: psycopg.Connection[Any], query: str, *values: Any) -> int:
    """Blocks that a call touches, once its plans and the catalogue are in the session's caches."""
    for _ in range(3):
        row = connection.execute(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + query, values
        ).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def _blocks_of_calls(connection: psycopg.Connection[Any], head: int) -> dict[str, int]:
    return {
        name: _blocks(connection, f"SELECT * FROM {call.replace('{head}', str(head))}", TOPIC)
        for name, call in CALLS.items()
    }


CALLS = {
    "a full page": "khala.replay(%s, 300, 'blue', 200)",
    "a page that starts in the middle": "khala.replay(%s, 777, 'blue', 50)",
    "a page for one who owns one row in a hundred": "khala.replay(%s, 0, 'red', 8)",
    "nothing at the head": "khala.replay(%s, {head}, 'blue', 200)",
    "the last rows": "khala.replay(%s, {head} - 20, 'blue', 200)",
    "the live feed": "khala.replay_feed(%s, {head} - 20)",
    "the live feed at the head": "khala.replay_feed(%s, {head})",
    "a snapshot page": "khala.snapshot(%s, 'blue', 'doc 3', 50)",
    "one document": "khala.hydrate(%s, 'doc 3', 'blue')",
    "judging a cursor": "khala.check_cursors(ARRAY[%s], '[]')",
}


def test_cost_of_a_page_is_independent_of_the_size_of_the_journal(database: Database) -> None:
    with database.connect() as connection:
        _grow(connection, 1, SMALL)
        small = _blocks_of_calls(connection, SMALL)
        _grow(connection, SMALL + 1, LARGE)
    with database.connect() as connection:
        large = _blocks_of_calls(connection, LARGE)
    print({name: (small[name], large[name]) for name in CALLS})
    for name in CALLS:
        assert large[name] <= small[name] * MOST_RATIO + 4, (name, small[name], large[name])


def test_a_subscriber_who_owns_nothing_moves_on_in_bounded_steps(database: Database) -> None:
    """A page looks at a bounded number of rows even where it may show none of them."""
    with database.connect() as connection:
        _grow(connection, 1, LARGE)
        row = connection.execute(
            "SELECT updates, next_watermark, complete FROM khala.replay(%s, 0, 'nobody')", [TOPIC]
        ).fetchone()
        assert row is not None
        updates, covered, complete = row
        assert updates == 0
        assert not complete
        assert 1_000 <= covered <= 10_000
        blocks = _blocks(connection, "SELECT * FROM khala.replay(%s, 0, 'nobody')", TOPIC)
        journal = connection.execute(
            "SELECT pg_relation_size('runtime.sync_stream_events') / 8192"
        ).fetchone()
        assert journal is not None
        assert blocks < journal[0] / 5


def test_a_purge_touches_what_it_purges(database: Database) -> None:
    with database.connect() as connection:
        _grow(connection, 1, LARGE)
        row = connection.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
            " SELECT * FROM khala.retain(%s, now() + '1 day', '0', 100)",
            [TOPIC],
        ).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        # A row costs its heap tuple and its index entry, several blocks each with the descent.
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100 * 12
