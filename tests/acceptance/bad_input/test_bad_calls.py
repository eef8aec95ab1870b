"""Bad calls of the SQL API get a clear error, and nothing is written or lost.

Every entry of the tables meets the same database, one after the other.
"""

import json
from typing import Any

import psycopg
import pytest

from support.postgres.consistency import check_topic
from support.postgres.databases import Database

NOTES = "runtime.notifications"
ORG = "red"
OBJECT = '{"n": 1}'
BIG = json.dumps({"text": "x" * 300 * 1024})


def sink(database: Database, key: str, version: int, topic: str = NOTES) -> int:
    with database.connect("runtime") as connection:
        row = connection.execute(
            "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb)", [topic, key, version, OBJECT]
        ).fetchone()
    assert row is not None
    return int(row[0])


SINK = "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)"
SINK_TEXT = "SELECT khala.sink(%s, %s, %s, khala.parse_payload(%s), %s)"
BATCH = "SELECT * FROM khala.sink_batch(%s, %s::jsonb)"
GOOD = '{"doc_key": "good", "doc_version": 1, "payload": {}}'


def batch_of(bad: str) -> str:
    return f"[{GOOD}, {bad}]"


# Call, its arguments, SQLSTATE. 22P02, 22P05 and 22003 are Postgres's own, from its JSON parser.
REFUSED_SQL: dict[str, tuple[str, list[Any], str]] = {
    "unknown topic": (SINK, ["no.such_topic", "d", 1, OBJECT, None], "KH001"),
    "topic that is no name": (SINK, ["'; DROP TABLE x; --", "d", 1, OBJECT, None], "KH001"),
    "no topic": (SINK, [None, "d", 1, OBJECT, None], "KH001"),
    "negative version": (SINK, [NOTES, "d", -1, OBJECT, None], "KH007"),
    "empty key": (SINK, [NOTES, "", 1, OBJECT, None], "KH007"),
    "key of 513 characters": (SINK, [NOTES, "k" * 513, 1, OBJECT, None], "KH007"),
    "empty owner": (SINK, [NOTES, "d", 1, OBJECT, ""], "KH007"),
    "owner in a public topic": (SINK, ["test.public", "d", 1, OBJECT, ORG], "KH006"),
    "payload that is an array": (SINK, [NOTES, "d", 1, "[1]", None], "KH005"),
    "payload that is a text": (SINK, [NOTES, "d", 1, '"text"', None], "KH005"),
    "payload that is null": (SINK, [NOTES, "d", 1, "null", None], "KH005"),
    "no payload": (SINK, [NOTES, "d", 1, None, None], "KH005"),
    "1e400": (SINK, [NOTES, "d", 1, '{"n": 1e400}', None], "KH005"),
    "an integer no double holds": (SINK, [NOTES, "d", 1, '{"n": 9007199254740993}', None], "KH005"),
    "NaN to Postgres's parser": (SINK, [NOTES, "d", 1, '{"n": NaN}', None], "22P02"),
    "lone surrogate to Postgres's parser": (
        SINK,
        [NOTES, "d", 1, '{"s": "\\ud800"}', None],
        "22P02",
    ),
    "not JSON to Postgres's parser": (SINK, [NOTES, "d", 1, "{", None], "22P02"),
    "NaN": (SINK_TEXT, [NOTES, "d", 1, '{"n": NaN}', None], "KH005"),
    "Infinity": (SINK_TEXT, [NOTES, "d", 1, '{"n": -Infinity}', None], "KH005"),
    "1e400 as text": (SINK_TEXT, [NOTES, "d", 1, '{"n": 1e400}', None], "KH005"),
    "lone surrogate": (SINK_TEXT, [NOTES, "d", 1, '{"s": "\\ud800"}', None], "KH005"),
    "lone surrogate in a key": (SINK_TEXT, [NOTES, "d", 1, '{"\\udc00": 1}', None], "KH005"),
    "NUL": (SINK_TEXT, [NOTES, "d", 1, '{"s": "\\u0000"}', None], "KH005"),
    "a key twice": (SINK_TEXT, [NOTES, "d", 1, '{"a": 1, "a": 2}', None], "KH005"),
    "not JSON": (SINK_TEXT, [NOTES, "d", 1, "{", None], "KH005"),
    "300 KiB in a topic that is inline": (SINK, ["test.strict", "d", 1, BIG, None], "KH004"),
    "a batch that is no array": (BATCH, [NOTES, OBJECT], "KH007"),
    "a batch with a text": (BATCH, [NOTES, batch_of('"text"')], "KH007"),
    "a batch with a negative version": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": -1, "payload": {}}')],
        "KH007",
    ),
    "a batch with 1e400": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": 1, "payload": {"n": 1e400}}')],
        "KH005",
    ),
    "a batch with an unknown member": (
        BATCH,
        [NOTES, batch_of('{"doc_key": "d", "doc_version": 1, "payload": {}, "ttl": 1}')],
        "KH007",
    ),
    "no watermarks": ("SELECT khala_internal.allocate_watermark(%s, 0)", [NOTES], "KH007"),
}

REFUSED_READS: dict[str, tuple[str, list[Any], str]] = {
    "unknown topic": ("SELECT * FROM khala.replay(%s, 0, NULL)", ["no.such_topic"], "KH001"),
    "negative watermark": ("SELECT * FROM khala.replay(%s, -1, NULL)", [NOTES], "KH007"),
    "a watermark ahead": ("SELECT * FROM khala.replay(%s, 4000000000, NULL)", [NOTES], "KH003"),
    "pages of nothing": ("SELECT * FROM khala.replay(%s, 0, NULL, 0)", [NOTES], "KH007"),
    "pages of everything": ("SELECT * FROM khala.replay(%s, 0, NULL, 10000000)", [NOTES], "KH007"),
    "negative watermark in a feed": ("SELECT * FROM khala.replay_feed(%s, -1)", [NOTES], "KH007"),
    "a snapshot of an unknown topic": (
        "SELECT * FROM khala.snapshot(%s, NULL)",
        ["no.such_topic"],
        "KH001",
    ),
    "arming without a watermark": ("SELECT * FROM khala.arm(%s, NULL)", [NOTES], "KH007"),
    "arming an unknown topic": (
        "SELECT * FROM khala.arm(%s, 0)",
        ["no.such_topic"],
        "KH001",
    ),
    "a negative cursor": (
        """SELECT * FROM khala.check_cursors(ARRAY[%s], '{"runtime.notifications": -1}')""",
        [NOTES],
        "KH007",
    ),
}


@pytest.mark.parametrize("name", REFUSED_SQL)
def test_a_bad_write_is_refused_and_nothing_is_written(database: Database, name: str) -> None:
    query, values, sqlstate = REFUSED_SQL[name]
    with database.connect() as observer:
        before = check_topic(observer, NOTES).head
        role = None if "allocate" in query else "runtime"
        with database.connect(role) as connection:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(query, values)
            assert refused.value.sqlstate == sqlstate, refused.value
            if sqlstate.startswith("KH"):
                assert refused.value.diag.message_hint, "no hint says what to do"
        assert check_topic(observer, NOTES).head == before
        assert sink(database, "after a refusal", before + 1) == before + 1, "a watermark was lost"


@pytest.mark.parametrize("name", REFUSED_READS)
def test_a_bad_read_is_refused(database: Database, name: str) -> None:
    query, values, sqlstate = REFUSED_READS[name]
    with database.connect("relay") as connection:
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(query, values)
        assert refused.value.sqlstate == sqlstate, refused.value
        assert refused.value.diag.message_hint
