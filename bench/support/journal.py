"""A journal of any length, quickly: rows as khala.sink leaves them, without a read model."""

from typing import Any

import psycopg

from bench.support.load import PAYLOAD

TOPIC = "runtime.run_summaries"
_DOCUMENTS = 1000

_FILL = """
    INSERT INTO runtime.sync_stream_events
    (topic, watermark, doc_key, doc_version, payload_bytes, payload_hash, payload)
    SELECT %(topic)s, s.i, 'run/' || s.i %% %(documents)s, s.i, octet_length(p.payload),
        sha256(convert_to(p.payload, 'UTF8')), p.payload
    FROM (SELECT khala.canonical_json(%(payload)s::jsonb) AS payload) AS p,
        generate_series(%(first)s::bigint, %(last)s::bigint) AS s (i)
"""


def fill(connection: psycopg.Connection[Any], rows: int, payload: str = PAYLOAD) -> None:
    """Makes the journal of TOPIC so many rows long. The connection commits by itself."""
    row = connection.execute(
        "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s", [TOPIC]
    ).fetchone()
    assert row is not None
    with connection.transaction():
        connection.execute(
            _FILL,
            {
                "topic": TOPIC,
                "documents": _DOCUMENTS,
                "payload": payload,
                "first": row[0] + 1,
                "last": rows,
            },
        )
        connection.execute(
            "UPDATE runtime.sync_topic_sequences SET head_watermark = %s WHERE topic = %s",
            [rows, TOPIC],
        )
    connection.execute("VACUUM (ANALYZE) runtime.sync_stream_events")
