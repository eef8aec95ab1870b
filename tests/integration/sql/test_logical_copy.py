"""A relay beside a logical copy of the database sleeps, and what is applied there wakes it."""

import shutil
from collections.abc import Iterator

import pytest
from psycopg import sql

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, cloned, make_template
from support.postgres.servers import OLDEST, SETTINGS, VERSIONS, Servers, find_oldest_bin
from support.programs.missing import skip_without

_TOPIC = "runtime.run_summaries"
_TABLES = "runtime.sync_topic_sequences, runtime.sync_stream_events, runtime.sync_documents"


@pytest.fixture(params=VERSIONS, ids=lambda version: f"pg{version}")
def origin_and_copy(
    servers: Servers, request: pytest.FixtureRequest
) -> Iterator[tuple[Database, Database]]:
    pg_bin = find_oldest_bin() if request.param == OLDEST else None
    if request.param == OLDEST and pg_bin is None:
        skip_without("no PostgreSQL 15 (apt-get install postgresql-15)")
    home = servers.new_home("logical")
    settings = {**SETTINGS, "wal_level": "logical"}
    with PostgresServer(home, pg_bin=pg_bin, settings=settings) as server:
        template = make_template(server)
        with cloned(template) as origin, cloned(template) as copy:
            with origin.connect() as publisher, copy.connect() as subscriber:
                publisher.execute(f"CREATE PUBLICATION khala FOR TABLE {_TABLES}".encode())
                # A subscription to its own server cannot make the slot itself.
                publisher.execute("SELECT pg_create_logical_replication_slot('khala', 'pgoutput')")
                subscriber.execute(
                    sql.SQL(
                        "CREATE SUBSCRIPTION khala CONNECTION {} PUBLICATION khala"
                        " WITH (create_slot = false, copy_data = false)"
                    ).format(sql.Literal(origin.dsn))
                )
            yield origin, copy
            with copy.connect() as subscriber:
                subscriber.execute("DROP SUBSCRIPTION khala")
    shutil.rmtree(home)


def test_what_is_applied_wakes_the_relay(origin_and_copy: tuple[Database, Database]) -> None:
    origin, copy = origin_and_copy
    with copy.connect("relay") as relay, origin.connect() as writer:
        relay.execute("LISTEN khala_sync")
        seen = 0
        for version in (1, 2):
            armed = relay.execute("SELECT * FROM khala.arm(%s, %s)", (_TOPIC, seen)).fetchone()
            assert armed == (seen, "armed")
            writer.execute("SELECT khala.sink(%s, 'd', %s, '{}', 'o')", (_TOPIC, version))
            [heard] = relay.notifies(timeout=120, stop_after=1)
            assert heard.payload == _TOPIC
            seen = version
