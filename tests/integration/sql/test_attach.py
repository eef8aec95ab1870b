"""Attached tables: documents are the rows, whoever writes, and no writer fails by it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.trials.scale import scaled

TOPIC = "shop.orders"
_KEYS = 6
_TABLES = {
    "plain": ["CREATE TABLE orders (id int PRIMARY KEY, org_id text, note text)"],
    # The last partition comes after the table was attached.
    "partitioned": [
        "CREATE TABLE orders (id int PRIMARY KEY, org_id text, note text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (3)",
    ],
}
_LATER_PARTITION = "CREATE TABLE high PARTITION OF orders FOR VALUES FROM (3) TO (100)"
# An AFTER trigger that changes the row again: its own statement fires ours before the outer one's.
_NOSY = """
CREATE FUNCTION nosy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.note NOT LIKE '%!' THEN
        UPDATE public.orders SET note = note || '!' WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_nosy AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nosy()
"""
_ATTACH = (
    "SELECT khala.attach('public.orders', '{id}', 'org_id', p_topic => 'shop.orders',"
    " p_replace => TRUE)"
)
_KEY = st.integers(0, _KEYS - 1)
_ORG = st.sampled_from(["a", "b", None])
_WRITES = st.one_of(
    st.tuples(
        st.just("INSERT INTO orders VALUES (%s, %s, 'new') ON CONFLICT DO NOTHING"), _KEY, _ORG
    ),
    st.tuples(
        st.just(
            "INSERT INTO orders VALUES (%s, %s, 'put') ON CONFLICT (id)"
            " DO UPDATE SET note = orders.note || '+', org_id = excluded.org_id"
        ),
        _KEY,
        _ORG,
    ),
    st.tuples(st.just("UPDATE orders SET org_id = %s WHERE id >= %s"), _ORG, _KEY),
    st.tuples(st.just("UPDATE orders SET id = %s WHERE id = %s"), _KEY, _KEY),
    st.tuples(st.just("DELETE FROM orders WHERE id = %s"), _KEY),
    st.tuples(st.just("DELETE FROM orders WHERE id > %s"), _KEY),
    # A row that is deleted and inserted by one statement.
    st.tuples(
        st.just(
            "WITH gone AS (DELETE FROM orders WHERE id = %s RETURNING id)"
            " INSERT INTO orders SELECT g.id + 10, 'a', 'moved' FROM gone AS g"
            " ON CONFLICT DO NOTHING"
        ),
        _KEY,
    ),
    st.tuples(st.just("TRUNCATE orders")),
    st.tuples(st.just("TRUNCATE low")),
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 1), _WRITES),
        st.tuples(st.integers(0, 1), st.sampled_from(["COMMIT", "ROLLBACK"])),
        st.tuples(st.just("sequence"), st.integers(1, 4)),
        st.tuples(st.just("attach"), st.none()),
    ),
    max_size=25,
)
_ROWS = (
    "SELECT o.id::text, o.org_id,"
    " jsonb_build_object('id', o.id, 'org_id', o.org_id, 'note', o.note)"
    " FROM orders AS o WHERE o.org_id IS NOT NULL ORDER BY 1"
)
_DOCUMENTS = (
    "SELECT d.doc_key, d.org_id, d.payload FROM runtime.sync_documents AS d"
    " WHERE d.topic = 'shop.orders' AND NOT d.deleted ORDER BY 1"
)
_ASIDE = "SELECT a.row_key FROM khala.list_rows_set_aside('shop.orders') AS a ORDER BY 1"
# A writer that waits for the other one gives up: which of them does is left to chance.
_GIVES_UP = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    psycopg.errors.InFailedSqlTransaction,
    # A partition that is not there, or not yet.
    psycopg.errors.UndefinedTable,
    psycopg.errors.CheckViolation,
)


def settle(connection: psycopg.Connection[Any]) -> None:
    while connection.execute(
        "SELECT state FROM khala.sequence(%s, 2, TRUE)", [TOPIC]
    ).fetchone() != ("armed",):
        pass


def check_documents(connection: psycopg.Connection[Any]) -> None:
    check_topic(connection, TOPIC)
    assert connection.execute(_DOCUMENTS).fetchall() == connection.execute(_ROWS).fetchall()
    without = "SELECT o.id::text FROM orders AS o WHERE o.org_id IS NULL ORDER BY 1"
    assert connection.execute(_ASIDE).fetchall() == connection.execute(without).fetchall()


def take_steps(database: Database, kind: str, levels: tuple[str, str], steps: list[Any]) -> None:
    with ExitStack() as opened:
        owner = opened.enter_context(database.connect())
        for statement in _TABLES[kind]:
            owner.execute(statement.encode())
        owner.execute(_NOSY)
        owner.execute("INSERT INTO orders SELECT n, 'a', 'old' FROM generate_series(0, 2) AS n")
        owner.execute(_ATTACH)
        if kind == "partitioned":
            owner.execute(_LATER_PARTITION)
        # Whatever they hold, DDL does not wait for it.
        owner.execute("SET lock_timeout = '20ms'")
        writers = []
        for level in levels:
            writer = opened.enter_context(psycopg.connect(database.dsn))
            writer.execute("SET lock_timeout = '20ms'")
            writer.commit()
            writer.isolation_level = psycopg.IsolationLevel[level]
            writers.append(writer)
        for actor, what in steps:
            connection = writers[actor] if isinstance(actor, int) else owner
            try:
                if actor == "sequence":
                    owner.execute("SELECT khala.sequence(%s, %s)", [TOPIC, what])
                elif actor == "attach":
                    owner.execute(_ATTACH)
                elif isinstance(what, str):
                    connection.commit() if what == "COMMIT" else connection.rollback()
                else:
                    statement, *values = what
                    connection.execute(statement, values)
            except _GIVES_UP:
                connection.rollback()
        for writer in writers:
            writer.commit()
        settle(owner)
        check_documents(owner)


@pytest.mark.parametrize("kind", list(_TABLES))
@settings(
    max_examples=scaled(20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    levels=st.tuples(*[st.sampled_from(["READ_COMMITTED", "REPEATABLE_READ"])] * 2), steps=_STEPS
)
def test_any_interleaving_ends_with_the_rows(
    newest_database: Database, kind: str, levels: tuple[str, str], steps: list[Any]
) -> None:
    """Writers, the backfill and the sequencer in any order: at the end documents are the rows."""
    try:
        take_steps(newest_database, kind, levels, steps)
    finally:
        with newest_database.connect() as owner:
            owner.execute("DROP TABLE orders; DROP FUNCTION nosy()")
            owner.execute("SELECT khala.detach(%s)", [TOPIC])
            owner.execute("SELECT khala.remove_topic(%s)", [TOPIC])


@pytest.fixture
def orders(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect() as owner:
        owner.execute("CREATE TABLE orders (id int PRIMARY KEY, org_id text, note text)")
        owner.execute(_ATTACH)
        yield owner


def test_a_writer_needs_no_privilege_of_khala(
    database: Database, orders: psycopg.Connection[Any]
) -> None:
    orders.execute(
        "CREATE ROLE shop_app; GRANT INSERT, UPDATE, DELETE, SELECT ON orders TO shop_app"
    )
    try:
        orders.execute("SET ROLE shop_app")
        orders.execute("INSERT INTO orders VALUES (1, 'a', 'x')")
        orders.execute("UPDATE orders SET note = 'y'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            orders.execute("SELECT khala.sequence('shop.orders')")
        orders.execute("RESET ROLE")
        settle(orders)
        check_documents(orders)
    finally:
        orders.execute("RESET ROLE; DROP OWNED BY shop_app; DROP ROLE shop_app")


def test_writers_do_not_wait_for_each_other(
    database: Database, orders: psycopg.Connection[Any]
) -> None:
    """Transactions of several statements in any order are no deadlock, and no sequencer is."""
    with sessions(database, 2) as (one, other):
        one.run("INSERT INTO orders VALUES (1, 'a', 'x')")
        other.run("INSERT INTO orders VALUES (2, 'a', 'x')")
        orders.execute("SELECT khala.sequence('shop.orders')")
        one.run("INSERT INTO orders VALUES (3, 'a', 'x')")
        other.run("INSERT INTO orders VALUES (4, 'a', 'x')")
        one.commit()
        other.commit()
    settle(orders)
    check_documents(orders)


def test_a_reading_that_waits_for_ddl_reads_what_came_of_it(
    database: Database, orders: psycopg.Connection[Any]
) -> None:
    orders.execute("INSERT INTO orders VALUES (1, 'a', 'x')")
    settle(orders)
    orders.execute("UPDATE orders SET note = 'y'")
    with sessions(database, 2) as (owner, reader):
        owner.run("ALTER TABLE orders RENAME note TO remark")
        # As khala.sequence does, which does not wait as long as this may take.
        waits = reader.start(
            "SELECT khala_internal.sync_attached(a, '{1}') FROM runtime.attachments AS a"
        )
        owner.commit()
        assert waits.result() == [(1,)]
        reader.commit()
    [(_, _, payload)] = orders.execute(_DOCUMENTS).fetchall()
    assert payload == {"id": 1, "org_id": "a", "remark": "y"}


def test_a_partition_that_was_detached_can_be_written(database: Database) -> None:
    """Whatever is left of an attachment that has ended refuses no transaction."""
    with database.connect() as owner:
        owner.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, org_id text) PARTITION BY RANGE (id);"
            "CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (100)"
        )
        owner.execute(_ATTACH)
        owner.execute("ALTER TABLE orders DETACH PARTITION low")
        # As one who does not own the partition.
        owner.execute("SELECT khala.remove_attachment(%s)", [TOPIC])
        with owner.transaction():
            owner.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            owner.execute("INSERT INTO low VALUES (1, 'a')")


def test_only_the_owner_ends_an_attachment(
    database: Database, orders: psycopg.Connection[Any]
) -> None:
    with database.connect("dba") as dba:
        for function in ("detach", "remove_attachment"):
            with pytest.raises(psycopg.Error) as raised:
                dba.execute(f"SELECT khala.{function}(%s)".encode(), [TOPIC])
            assert raised.value.sqlstate == "KH008"
    assert orders.execute("SELECT state FROM khala.attachments").fetchall() == [("reading rows",)]


def test_copy_is_followed(orders: psycopg.Connection[Any]) -> None:
    with orders.cursor().copy("COPY orders FROM STDIN") as copy:
        for number in range(300):
            copy.write_row((number, "a", "copied"))
    settle(orders)
    check_documents(orders)


def test_merge_is_followed(orders: psycopg.Connection[Any]) -> None:
    orders.execute("INSERT INTO orders VALUES (1, 'a', 'one'), (2, 'a', 'two')")
    orders.execute(
        "MERGE INTO orders AS o USING (VALUES (1, 'x'), (2, 'delete'), (3, 'y')) AS s (id, note)"
        " ON o.id = s.id WHEN MATCHED AND s.note = 'delete' THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET note = s.note"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'b', s.note)"
    )
    settle(orders)
    check_documents(orders)


_TYPES: dict[str, list[Any]] = {
    "bigint": [2**63 - 1, -(2**63), 2**53 - 1, 2**53],
    "bigint[]": ["{9223372036854775807,NULL,1}", "{}", "{{1,2},{3,4}}"],
    "numeric": ["NaN", "Infinity", "1.10", "1e1000", "-0.00"],
    "numeric[]": ["{NaN,1.0}"],
    "double precision": ["NaN", "-Infinity", "1e23", "5e-324", "-0"],
    "real": ["3.4028235e38", "0.1", "NaN"],
    "real[]": ["{NaN,Infinity,0.1}"],
    "bytea": [b"\x00\xff"],
    "text": ["\ud7ff\uffff \x01 \u2028", "", "x" * 300_000],
    '"char"': ["x", ""],
    "json": ['{"a": "\\u0000"}', '"\\ud800"', "1e400000", '{"a":1,"a":2}', "[" * 100 + "]" * 100],
    "jsonb": ['{"n": 12345678901234567890.5}', "[" * 80 + "]" * 80, "null", '"text"', "1e100"],
    "json[]": ['{"{\\"a\\": \\"\\\\\\\\u0000\\"}"}'],
    "interval": ["1 year 2 mons -3 days 04:05:06.7", "0"],
    "timestamptz": [
        "2026-03-29 02:30:00+01",
        "infinity",
        "0044-03-15 00:00:00+00 BC",
        "294276-12-31 00:00:00+00",
    ],
    "timestamp": ["-infinity", "2026-01-01 00:00:00.000001"],
    "date": ["0001-01-01 BC", "5874897-12-31", "infinity"],
    "timetz": ["12:00:00+05:45"],
    "int8range": ["[1,9223372036854775807)", "empty"],
    "tstzmultirange": ["{[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)}"],
    "money": ["12.34"],
    "point": ["(1e308,NaN)"],
    "bit varying": ["101"],
    "inet": ["::1/64"],
    "tsvector": ["a:1 b:2"],
    "uuid": ["00000000-0000-0000-0000-000000000001"],
    "oid": [4294967295],
    "regclass": ["pg_class"],
    "int2vector": ["1 2"],
    "box[]": ["{(1,1),(0,0);(2,2),(1,1)}"],
    "mood": ["ok"],
    "mood[]": ["{ok,NULL,sad}", "{{ok},{sad}}"],
    "pair": ['(1.0,ok,9223372036854775807,"{1}")', "(,,,)"],
    "pair[]": ['{"(1,ok,,)",NULL}'],
    "wide_mood": ["sad"],
}
_HOSTILE = {
    "TimeZone": "Asia/Kathmandu",
    "DateStyle": "German, DMY",
    "IntervalStyle": "postgres_verbose",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "search_path": "",
}


def test_no_value_fails_or_depends_on_the_session(database: Database) -> None:
    """A table of every kind of type, written under friendly and under hostile settings."""
    with database.connect() as owner:
        owner.execute(
            "CREATE TYPE public.mood AS ENUM ('sad', 'ok');"
            "CREATE DOMAIN public.wide_mood AS public.mood CHECK (value <> 'sad' OR value = 'sad');"
            "CREATE TYPE public.pair AS (n numeric, m public.mood, b bigint, a int[])"
        )
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(f"{name} column"), sql.SQL(name))
            for name in _TYPES
        )
        owner.execute(
            sql.SQL("CREATE TABLE public.kinds (id bigint PRIMARY KEY, {})").format(columns)
        )
        owner.execute("SELECT khala.attach('public.kinds', '{id}', p_ownership => 'public')")

        def write() -> None:
            number = 0
            for name, values in _TYPES.items():
                for value in [*values, None]:
                    number += 1
                    owner.execute(
                        sql.SQL("INSERT INTO public.kinds (id, {}) VALUES (%s, %s)").format(
                            sql.Identifier(f"{name} column")
                        ),
                        [number, value],
                    )

        def documents() -> list[Any]:
            while owner.execute(
                "SELECT state FROM khala.sequence('public.kinds', 100, TRUE)"
            ).fetchone() != ("armed",):
                pass
            return owner.execute(
                'SELECT d.doc_key, pg_catalog.jsonb_strip_nulls(d.payload)::text COLLATE "C"'
                " FROM runtime.sync_documents AS d"
                " WHERE d.topic OPERATOR(pg_catalog.=) 'public.kinds' AND NOT d.deleted ORDER BY 1"
            ).fetchall()

        write()
        friendly = documents()
        assert len(friendly) == sum(len(values) + 1 for values in _TYPES.values())
        assert owner.execute("SELECT * FROM khala.list_rows_set_aside()").fetchall() == []
        owner.execute("TRUNCATE public.kinds")
        assert documents() == []
        for name, value in _HOSTILE.items():
            owner.execute("SELECT pg_catalog.set_config(%s, %s, FALSE)", [name, value])
        write()
        assert documents() == friendly


def test_a_row_that_is_too_large_is_set_aside(orders: psycopg.Connection[Any]) -> None:
    orders.execute(
        "INSERT INTO orders SELECT n, 'a', repeat('x', CASE n WHEN 2 THEN 20000000 ELSE 1 END)"
        " FROM generate_series(1, 3) AS n"
    )
    settle(orders)
    keys = orders.execute(_DOCUMENTS).fetchall()
    assert [key for key, _, _ in keys] == ["1", "3"]
    assert orders.execute(_ASIDE).fetchall() == [("2",)]
    orders.execute("UPDATE orders SET note = 'small'")
    settle(orders)
    check_documents(orders)


def test_rows_set_aside_outlive_the_truncate_of_another_partition(database: Database) -> None:
    with database.connect() as owner:
        owner.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, org_id text, note text)"
            " PARTITION BY RANGE (id);"
            "CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (10);"
            "CREATE TABLE high PARTITION OF orders FOR VALUES FROM (10) TO (20)"
        )
        owner.execute(_ATTACH)
        owner.execute("INSERT INTO orders VALUES (1, NULL), (2, 'a'), (11, NULL), (12, 'a')")
        settle(owner)
        check_documents(owner)
        owner.execute("TRUNCATE low")
        settle(owner)
        check_documents(owner)


def test_the_owner_of_a_table_runs_nothing_as_khala(
    database: Database, orders: psycopg.Connection[Any]
) -> None:
    """Casts, domains and policies of an attached table are not called with Khala's rights."""
    orders.execute(
        "CREATE FUNCTION public.spy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_user = 'khala_owner' THEN RAISE EXCEPTION 'called'; END IF;"
        " RETURN TRUE; END $$;"
        "CREATE TYPE public.mood AS ENUM ('ok');"
        "CREATE FUNCTION public.spy_json(public.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM public.spy(); RETURN '1'; END $$;"
        "CREATE CAST (public.mood AS json) WITH FUNCTION public.spy_json(public.mood);"
        "CREATE DOMAIN public.watched AS text CHECK (public.spy());"
        "CREATE TABLE public.watched_rows (id public.watched PRIMARY KEY, m public.mood, o text);"
        "CREATE POLICY watching ON public.watched_rows USING (public.spy());"
        "ALTER TABLE public.watched_rows ENABLE ROW LEVEL SECURITY;"
        "SELECT khala.attach('public.watched_rows', '{id}', 'o', p_topic => 'shop.watched');"
        "INSERT INTO public.watched_rows VALUES ('k', 'ok', 'a')"
    )
    while orders.execute(
        "SELECT state FROM khala.sequence('shop.watched', 100, TRUE)"
    ).fetchone() != ("armed",):
        pass
    assert orders.execute(
        "SELECT d.doc_key, d.payload FROM runtime.sync_documents AS d"
        " WHERE d.topic = 'shop.watched'"
    ).fetchall() == [("k", {"id": "k", "m": "ok", "o": "a"})]
    assert orders.execute("SELECT * FROM khala.list_rows_set_aside()").fetchall() == []


# What the owner of a table may do so that reading it calls a function of the owner.
_TRAPS = {
    "index condition": "CREATE INDEX trap ON public.traps (id) WHERE public.spy('x')",
    "index expression": "CREATE INDEX trap ON public.traps"
    " ((public.spy(note) AND public.spy('x')))",
    "statistics": "CREATE STATISTICS public.trap ON (public.spy(note) AND public.spy('x'))"
    " FROM public.traps",
    "policy": "CREATE POLICY zz ON public.traps USING (public.spy('x'));"
    "ALTER TABLE public.traps ENABLE ROW LEVEL SECURITY",
    "cast to the key's type": "CREATE CAST (text AS public.trap_kind)"
    " WITH FUNCTION public.spy_kind(text)",
    "domain within the key": "ALTER TABLE public.traps DROP CONSTRAINT traps_pkey;"
    "CREATE DOMAIN public.trap_word AS text CHECK (public.spy(VALUE));"
    "ALTER TABLE public.traps ALTER COLUMN kind TYPE public.trap_word[] USING '{}';"
    "ALTER TABLE public.traps ADD PRIMARY KEY (id, kind)",
    "cast of an array": "CREATE DOMAIN public.trap_number AS numeric;"
    "CREATE FUNCTION public.spy_array(public.trap_number[]) RETURNS text[] LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM public.spy('x'); RETURN '{}'; END $$;"
    "ALTER TABLE public.traps ADD numbers public.trap_number[] DEFAULT '{1}';"
    "CREATE CAST (public.trap_number[] AS text[]) WITH FUNCTION"
    " public.spy_array(public.trap_number[])",
}
# An owner cannot call functions here, or PostgreSQL does not when it reads.
_HARMLESS = {
    "generated column": "ALTER TABLE public.traps ADD trap boolean"
    " GENERATED ALWAYS AS (public.spy(note)) STORED",
    "check": "ALTER TABLE public.traps ADD CHECK (public.spy('x'))",
    "policy of a stable function": "ALTER FUNCTION public.spy(text) STABLE;"
    "CREATE POLICY zz ON public.traps USING (public.spy('x'));"
    "ALTER TABLE public.traps ENABLE ROW LEVEL SECURITY",
    "trigger": "CREATE TRIGGER a_trap AFTER INSERT OR UPDATE ON public.traps"
    " FOR EACH ROW EXECUTE FUNCTION public.spy_trigger();"
    "CREATE TRIGGER zz_trap AFTER INSERT OR UPDATE ON public.traps"
    " FOR EACH STATEMENT EXECUTE FUNCTION public.spy_trigger()",
}
_ATTACH_TRAPS = (
    "SELECT khala.attach('public.traps', '{id,kind}', 'org_id', p_topic => 'shop.traps',"
    " p_trust => %s)"
)


@pytest.fixture
def trapper(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A session that is the owner of a table, and nobody to Khala but an administrator.

    A function `spy` counts in a sequence who calls it: counts are kept when a call is rolled back.
    """
    with database.connect() as superuser, database.connect() as session:
        superuser.execute(
            "DO $$ BEGIN CREATE ROLE trapper; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            "GRANT khala_dba TO trapper; GRANT USAGE, CREATE ON SCHEMA public TO trapper;"
            "GRANT USAGE ON SCHEMA public TO PUBLIC;"
            "CREATE SEQUENCE public.caught; GRANT ALL ON SEQUENCE public.caught TO PUBLIC"
        )
        session.execute("SET SESSION AUTHORIZATION trapper")
        session.execute(
            "CREATE FUNCTION public.spy(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS"
            " $$ BEGIN IF pg_has_role(current_user, 'khala_owner', 'MEMBER') THEN"
            " PERFORM nextval('public.caught'); END IF; RETURN TRUE; END $$;"
            "CREATE FUNCTION public.spy_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " PERFORM public.spy('x'); RETURN NULL; END $$;"
            "CREATE TYPE public.trap_kind AS ENUM ('a');"
            "CREATE FUNCTION public.spy_kind(text) RETURNS public.trap_kind LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM public.spy('x'); RETURN 'a'; END $$;"
            "CREATE TABLE public.traps (id int, kind public.trap_kind, org_id text, note text,"
            " PRIMARY KEY (id, kind))"
        )
        yield session


def _sequence_traps(session: psycopg.Connection[Any]) -> None:
    while session.execute("SELECT state FROM khala.sequence('shop.traps', 9)").fetchone() == (
        "more",
    ):
        pass


def _caught(session: psycopg.Connection[Any]) -> bool:
    row = session.execute("SELECT is_called FROM public.caught").fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize("trap", _TRAPS)
def test_code_of_a_tables_owner_never_runs_as_khala(
    database: Database, trapper: psycopg.Connection[Any], trap: str
) -> None:
    """Refused when it is attached, and refused when the code comes later; no call of it."""
    with database.connect() as dba:
        if trap != "domain within the key":
            trapper.execute(_ATTACH_TRAPS, [False])
            _sequence_traps(dba)
            trapper.execute("INSERT INTO public.traps VALUES (1, 'a', 'o', 'n')")
            trapper.execute(_TRAPS[trap].encode())
            with pytest.raises(psycopg.errors.DatabaseError, match="would run code") as refused:
                _sequence_traps(dba)
            assert refused.value.sqlstate == "KH008"
            [drift] = trapper.execute(
                "SELECT array_to_string(khala.attachment_drift('shop.traps'), ';')"
            )
            assert "reading is refused" in drift[0]
        else:
            trapper.execute(_TRAPS[trap].encode())
            trapper.execute("INSERT INTO public.traps VALUES (1, '{a}', 'o', 'n')")
        with pytest.raises(psycopg.errors.DatabaseError, match="would run code") as refused:
            trapper.execute(_ATTACH_TRAPS, [False])
        assert refused.value.sqlstate == "KH008"
        with pytest.raises(psycopg.errors.DatabaseError, match="may not trust"):
            trapper.execute(_ATTACH_TRAPS, [True])
        if trap != "domain within the key":
            with pytest.raises(psycopg.errors.DatabaseError, match="would run code"):
                trapper.execute("SELECT khala.detach('shop.traps')")
        assert not _caught(dba)
        # Whoever may do everything may allow it, and then it does run.
        dba.execute(_ATTACH_TRAPS, [True])
        dba.execute("UPDATE public.traps SET note = 'again'")
        _sequence_traps(dba)
        assert _caught(dba)
        trapper.execute("SELECT khala.detach('shop.traps')")


@pytest.mark.parametrize("harmless", _HARMLESS)
def test_what_is_not_called_by_a_reader_is_not_refused(
    database: Database, trapper: psycopg.Connection[Any], harmless: str
) -> None:
    with database.connect() as dba:
        trapper.execute(_HARMLESS[harmless].encode())
        trapper.execute(_ATTACH_TRAPS, [False])
        trapper.execute(
            "INSERT INTO public.traps (id, kind, org_id, note) VALUES (1, 'a', 'o', 'n')"
        )
        _sequence_traps(dba)
        assert not _caught(dba)
        assert dba.execute(
            "SELECT d.doc_key FROM runtime.sync_documents AS d WHERE d.topic = 'shop.traps'"
        ).fetchall() == [("1/a",)]


def test_a_virtual_column_has_no_function_of_its_owner(
    trapper: psycopg.Connection[Any],
) -> None:
    """PostgreSQL 18 computes such a column when it is read, and refuses functions of users."""
    if trapper.info.server_version < 180000:
        pytest.skip("no virtual columns")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        trapper.execute(
            "ALTER TABLE public.traps ADD trap boolean"
            " GENERATED ALWAYS AS (public.spy(note)) VIRTUAL"
        )


def test_a_table_that_became_a_view_is_not_read(
    database: Database, trapper: psycopg.Connection[Any]
) -> None:
    """PostgreSQL 15 makes a view of an empty table by a rule."""
    trapper.execute(_ATTACH_TRAPS, [False])
    with database.connect() as dba:
        _sequence_traps(dba)
        trapper.execute("INSERT INTO public.traps VALUES (1, 'a', 'o', 'n')")
        if trapper.info.server_version >= 160000:
            with pytest.raises(psycopg.errors.DatabaseError):
                trapper.execute(
                    'CREATE RULE "_RETURN" AS ON SELECT TO public.traps DO INSTEAD SELECT 1, '
                    "'a'::public.trap_kind, 'o', 'n' WHERE public.spy('x')"
                )
            return
        trapper.execute(
            "DO $$ DECLARE t name; BEGIN"
            " FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.traps'::regclass LOOP"
            " EXECUTE format('DROP TRIGGER %I ON public.traps', t); END LOOP; END $$;"
            "TRUNCATE public.traps; ALTER TABLE public.traps DROP CONSTRAINT traps_pkey;"
            "ALTER TABLE public.traps ALTER id DROP NOT NULL, ALTER kind DROP NOT NULL"
        )
        trapper.execute("VACUUM public.traps")
        trapper.execute(
            'CREATE RULE "_RETURN" AS ON SELECT TO public.traps DO INSTEAD SELECT 1 AS id,'
            " 'a'::public.trap_kind AS kind, 'o'::text AS org_id, 'n'::text AS note"
            " WHERE public.spy('x')"
        )
        with pytest.raises(psycopg.errors.DatabaseError, match="no longer a table"):
            _sequence_traps(dba)
        [drift] = dba.execute("SELECT khala.attachment_drift('shop.traps')")
        assert drift[0][0] == "the table became a view"
        trapper.execute("DROP VIEW public.traps")
        dba.execute("SELECT khala.detach('shop.traps')")
        assert not _caught(dba)
