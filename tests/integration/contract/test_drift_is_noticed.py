"""The strict reading of what the database says can fail: each SQL builder is broken on purpose, in
a database of its own, and what it then says is not the proto's message."""

import json
from typing import Any

import psycopg
import pytest
from google.protobuf import json_format

from khala_pg.resources import db_dir
from support.postgres.databases import Database
from support.relay.client_relay import ORG, RUNS, sink
from support.schema.function_files import function_file
from support.wire.proto_reader import Reader

REPLAY = "SELECT page FROM khala.replay(%s, 0, %s)"
BINARY = "SELECT page FROM khala.replay_binary(%s, 0, %s)"
SNAPSHOT = "SELECT page FROM khala.snapshot(%s, %s)"
DOCUMENT = "SELECT khala.hydrate(%s, 'a', %s)"
STALE = "SELECT page FROM khala.replay(%s, 1000, %s)"
MESSAGES = {
    REPLAY: "UpdateBatch",
    BINARY: "UpdateBatch",
    SNAPSHOT: "SnapshotPage",
    DOCUMENT: "Update",
    STALE: "StaleTopic",
}
ANOTHER_FIELD = """RETURN '{"topic":"'""", """RETURN '{"owner":"x","topic":"'"""

BROKEN = {
    "a field more, in replay": ("update_text", *ANOTHER_FIELD, REPLAY),
    "a field more, in snapshot": ("update_text", *ANOTHER_FIELD, SNAPSHOT),
    "a field more, in hydrate": ("update_text", *ANOTHER_FIELD, DOCUMENT),
    "another name": ("update_text", '"doc_version"', '"version"', REPLAY),
    "another type": ("update_text", '"deleted":true', '"deleted":"yes"', REPLAY),
    "the end of a page": ("page_tail", '"covered_watermarks"', '"covered"', REPLAY),
    "the end of a snapshot's page": ("snapshot", '"complete":', '"done":', SNAPSHOT),
    "the detail of an error": ("open_cursor", "'reason'", "'why'", STALE),
    "an unknown number": ("update_bytes", r"'\\x3801'", r"'\\x5001'", BINARY),
    "a default that is written": ("update_bytes", r"'\\x3801'", r"'\\x3800'", BINARY),
    "an unknown number at the end": ("page_tail_bytes", r"'\\x1001'", r"'\\x5001'", BINARY),
}


def say(database: Database, query: str) -> Any:
    """What the database says; of an error, what its DETAIL says of the first topic."""
    with database.connect("relay") as connection:
        if query == STALE:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(query, (RUNS, ORG))
            return json.loads(refused.value.diag.message_detail or "")[0]
        row = connection.execute(query, (RUNS, ORG)).fetchone()
    assert row is not None
    return row[0]


def define(database: Database, source: str) -> None:
    with database.connect() as connection:
        connection.execute(source.encode())


def test_a_broken_builder_is_noticed(newest_database: Database) -> None:
    database, reader = newest_database, Reader()

    def read_strictly(query: str, said: Any) -> None:
        read = reader.binary if isinstance(said, bytes) else reader
        read(MESSAGES[query], said)

    sink(database, "a", 1, {"n": 1})
    sink(database, "b", 1, {"n": 1})
    sink(database, "b", 2, None)
    unnoticed = []
    for name, (function, old, new, query) in BROKEN.items():
        source = function_file(db_dir(), function).read_text()
        assert old in source, name
        define(database, source.replace(old, new))
        said = say(database, query)
        define(database, source)
        try:
            read_strictly(query, said)
        except (json_format.ParseError, KeyError, AssertionError):
            read_strictly(query, say(database, query))
        else:
            unnoticed.append(name)
    assert unnoticed == []
