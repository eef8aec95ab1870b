"""Attached tables that a subscription writes to: its worker fires only triggers of rows."""

import shutil
from collections.abc import Iterator

import pytest
from psycopg import sql

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, cloned, make_template
from support.postgres.servers import OLDEST, SETTINGS, VERSIONS, Servers, find_oldest_bin
from support.programs.missing import skip_without
from support.trials.waiting import wait_until

_TABLE = "CREATE TABLE public.orders (id int PRIMARY KEY, org_id text, note text)"
_ATTACH = "SELECT khala.attach('public.orders', '{id}', 'org_id')"


@pytest.fixture(params=VERSIONS, ids=lambda version: f"pg{version}")
def publisher_and_subscriber(
    servers: Servers, request: pytest.FixtureRequest
) -> Iterator[tuple[Database, Database]]:
    pg_bin = find_oldest_bin() if request.param == OLDEST else None
    if request.param == OLDEST and pg_bin is None:
        skip_without("no PostgreSQL 15 (apt-get install postgresql-15)")
    home = servers.new_home("applied")
    settings = {**SETTINGS, "wal_level": "logical"}
    with PostgresServer(home, pg_bin=pg_bin, settings=settings) as server:
        template = make_template(server)
        with cloned(template) as publisher, cloned(template) as subscriber:
            yield publisher, subscriber
            with subscriber.connect() as connection:
                connection.execute("DROP SUBSCRIPTION applied")
    shutil.rmtree(home)


def subscribe(publisher: Database, subscriber: Database, tables: str) -> None:
    with publisher.connect() as origin, subscriber.connect() as copy:
        origin.execute(f"CREATE PUBLICATION applied FOR TABLE {tables}".encode())
        origin.execute("SELECT pg_create_logical_replication_slot('applied', 'pgoutput')")
        copy.execute(
            sql.SQL(
                "CREATE SUBSCRIPTION applied CONNECTION {} PUBLICATION applied"
                " WITH (create_slot = false)"
            ).format(sql.Literal(publisher.dsn))
        )


def test_what_is_applied_is_a_document(
    publisher_and_subscriber: tuple[Database, Database],
) -> None:
    """The first copy of the table, INSERT, UPDATE, DELETE and TRUNCATE."""
    publisher, subscriber = publisher_and_subscriber
    with publisher.connect() as origin, subscriber.connect() as copy:
        origin.execute(_TABLE)
        origin.execute("INSERT INTO public.orders VALUES (1, 'a', 'copied'), (2, 'a', 'copied')")
        copy.execute(_TABLE)
        copy.execute(_ATTACH)
        subscribe(publisher, subscriber, "public.orders")

        def has(expected: dict[str, str]) -> bool:
            copy.execute("SELECT khala.sequence('public.orders')")
            found = copy.execute(
                "SELECT d.doc_key, d.payload ->> 'note' FROM runtime.sync_documents AS d"
                " WHERE d.topic = 'public.orders' AND NOT d.deleted"
            ).fetchall()
            return dict(found) == expected

        wait_until(lambda: has({"1": "copied", "2": "copied"}), "the copy", 120)
        origin.execute("UPDATE public.orders SET note = 'changed' WHERE id = 1")
        origin.execute("UPDATE public.orders SET id = 3 WHERE id = 2")
        origin.execute("INSERT INTO public.orders VALUES (4, 'a', 'new')")
        wait_until(
            lambda: has({"1": "changed", "3": "copied", "4": "new"}), "what was applied", 120
        )
        origin.execute("DELETE FROM public.orders WHERE id = 4")
        wait_until(lambda: has({"1": "changed", "3": "copied"}), "the deletion", 120)
        origin.execute("TRUNCATE public.orders")
        wait_until(lambda: has({}), "the TRUNCATE", 120)


def test_documents_that_are_applied_too_are_not_made_again(
    publisher_and_subscriber: tuple[Database, Database],
) -> None:
    """A copy of the whole database has the documents already."""
    publisher, subscriber = publisher_and_subscriber
    with publisher.connect() as origin, subscriber.connect() as copy:
        for connection in (origin, copy):
            connection.execute(_TABLE)
            connection.execute(_ATTACH)
        subscribe(publisher, subscriber, "public.orders, runtime.sync_stream_events")
        origin.execute("INSERT INTO public.orders VALUES (1, 'a', 'x')")
        wait_until(lambda: copy.execute("SELECT FROM public.orders").rowcount == 1, "the row", 120)
        assert copy.execute("SELECT FROM runtime.sync_staged_writes").rowcount == 0
