"""The commands of attached tables."""

import json
import signal
import subprocess

import psycopg
import pytest

from khala_pg.doctor.examine import examine
from support.postgres.databases import Database
from support.programs.runs import KHALA, environment, khala_text
from support.trials.waiting import wait_until


def khala(database: Database, *words: str, status: int = 0) -> str:
    done = khala_text(*words, env=environment(database.dsn))
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


def documents(database: Database) -> int:
    with database.connect() as connection:
        return connection.execute(
            "SELECT FROM runtime.sync_documents AS d"
            " WHERE d.topic = 'public.orders' AND NOT d.deleted"
        ).rowcount


@pytest.fixture
def orders(newest_database: Database) -> Database:
    with newest_database.connect() as owner:
        owner.execute("CREATE TABLE public.orders (id int PRIMARY KEY, org_id text, note text)")
        owner.execute(
            "INSERT INTO public.orders SELECT n, nullif('org ' || n % 3, 'org 0'), 'n'"
            " FROM generate_series(1, 3000) AS n"
        )
    return newest_database


def test_from_attach_to_detach(orders: Database) -> None:
    said = khala(orders, "attach", "public.orders", "--key", "id", "--org", "org_id")
    assert "3\u202f000 rows read" in said
    assert "1\u202f000 rows cannot be documents" in said
    assert documents(orders) == 2000
    [row] = map(json.loads, khala(orders, "attachments", "--json").splitlines())
    assert (row["state"], row["set_aside"], row["drift"]) == ("live", 1000, [])
    aside = khala(orders, "attachments", "--aside", "--json").splitlines()
    assert len(aside) == 1000
    assert "organisation is null" in json.loads(aside[0])["reason"]

    with orders.connect() as owner:
        owner.execute("ALTER TABLE public.orders ADD extra int")
        owner.execute("DELETE FROM public.orders WHERE org_id IS NULL")
    assert "column extra was added" in khala(orders, "attachments")
    found = [f.message for f in examine(orders.dsn).findings if f.status == "warn"]
    assert "public.orders: column extra was added" in found
    khala(orders, "attach", "public.orders", "--key", "id", "--org", "org_id")
    with orders.connect() as owner:
        assert (
            owner.execute(
                "SELECT FROM runtime.sync_documents AS d"
                " WHERE d.topic = 'public.orders' AND d.payload ? 'extra'"
            ).rowcount
            == 2000
        )
    assert "is detached" in khala(orders, "detach", "public.orders")
    assert "No table is attached" in khala(orders, "attachments")
    khala(orders, "topics", "remove", "public.orders", "--yes")


def test_a_busy_table_is_not_held_up(orders: Database) -> None:
    with orders.connect() as busy, busy.transaction():
        busy.execute("UPDATE public.orders SET note = 'm' WHERE id = 1")
        words = ("attach", "public.orders", "--key", "id", "--public", "--lock-timeout", "0.2")
        said = khala(orders, *words, status=1)
        assert "for more than 0.2 s; nothing has changed" in said
        assert "--lock-timeout" in said
    assert "No table is attached" in khala(orders, "attachments")
    khala(orders, *words)
    with orders.connect() as busy, busy.transaction():
        busy.execute("SELECT FROM public.orders LIMIT 1")
        ending = ("detach", "public.orders", "--lock-timeout", "0.2")
        assert "nothing has changed" in khala(orders, *ending, status=1)
    khala(orders, *ending)


_READING_ROWS = (
    "SELECT FROM pg_stat_activity AS a WHERE a.datname = current_database()"
    " AND a.pid <> pg_backend_pid() AND a.query LIKE '%khala.sequence(%'"
)


def test_it_says_what_it_waits_for(orders: Database) -> None:
    words = ["attach", "public.orders", "--key", "id", "--org", "org_id"]
    khala(orders, *words, "--no-wait")
    with orders.connect() as holder:
        with holder.transaction():
            holder.execute(
                "SELECT pg_advisory_xact_lock(khala_internal.topic_lock_key('public.orders'))"
            )
            waiting = subprocess.Popen(
                [KHALA, *words], env=environment(orders.dsn), stderr=subprocess.PIPE, text=True
            )
            assert waiting.stderr is not None
            said = waiting.stderr.readline()
        pid = holder.info.backend_pid
        assert said == f"public.orders: waiting for the transaction of process {pid}\n"
        assert waiting.communicate()[1] == ""
    assert waiting.returncode == 0
    assert documents(orders) == 2000


def test_ctrl_c_and_continue(orders: Database) -> None:
    with orders.connect() as holder:
        # The topic is there first, so that its lock can be held: nothing is read meanwhile.
        holder.execute("SELECT khala.register_topic('public.orders', p_writes => 'grouped')")
        holder.execute("SELECT pg_advisory_lock(khala_internal.topic_lock_key('public.orders'))")
        command = [KHALA, "attach", "public.orders", "--key", "id", "--org", "org_id"]
        with subprocess.Popen(
            command, env=environment(orders.dsn), stderr=subprocess.PIPE
        ) as child:
            wait_until(lambda: holder.execute(_READING_ROWS).rowcount == 1, "its calls")
            child.send_signal(signal.SIGINT)
            assert child.stderr is not None
            said = child.stderr.read().decode()
            assert child.wait(60) == 130
    assert "khala sequence public.orders" in said
    assert documents(orders) == 0
    khala(orders, "sequence", "public.orders")
    assert documents(orders) == 2000


@pytest.mark.parametrize("attached_as", ['"My Shop"."Order Lines"', "My Shop.Order Lines"])
@pytest.mark.parametrize(
    "detached_as", ['"My Shop"."Order Lines"', "My Shop.Order Lines", "shop.lines"]
)
def test_names_that_need_quotes(
    newest_database: Database, attached_as: str, detached_as: str
) -> None:
    """As SQL writes them, or as `khala attachments` does."""
    with newest_database.connect() as owner:
        owner.execute('CREATE SCHEMA "My Shop"')
        owner.execute('CREATE TABLE "My Shop"."Order Lines" (id int PRIMARY KEY, "Org" text)')
        owner.execute("""INSERT INTO "My Shop"."Order Lines" VALUES (1, 'acme'), (2, NULL)""")
    said = khala(newest_database, "attach", attached_as, "--org", "Org", "--topic", "shop.lines")
    assert "1 row cannot be a document: " in said
    assert "My Shop.Order Lines" in khala(newest_database, "attachments")
    with newest_database.connect() as owner:
        owner.execute('ALTER TABLE "My Shop"."Order Lines" ADD extra int')
    [advice] = [f.advice for f in examine(newest_database.dsn).findings if "extra" in f.message]
    assert "`khala attach 'My Shop.Order Lines'`" in advice
    khala(newest_database, "detach", detached_as)
    assert "No table" in khala(newest_database, "attachments")


def test_a_name_without_its_schema(orders: Database) -> None:
    khala(orders, "attach", "orders", "--org", "org_id")
    khala(orders, "detach", "orders")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["public.nothing", "--key", "id"], "there is no table public.nothing"),
        (["public.Order Lines"], "there is no table public.Order Lines"),
        (["a.b.c.d"], "there is no table a.b.c.d"),
        (["public.orders", "--key", ","], "p_key names no column\n"),
        (["elsewhere.public.orders"], "there is no table elsewhere.public.orders"),
        (["public.orders", "--key", "note", "--org", "org_id"], "is no key"),
        (["public.orders", "--key", "id"], "names its organisation"),
        (["public.orders", "--key", "id", "--org", "who"], "has no column"),
        (["public.orders", "--key", "id", "--org", "org_id", "--public"], "exclude each other"),
    ],
)
def test_wrong_calls(orders: Database, words: list[str], says: str) -> None:
    done = khala_text("attach", *words, env=environment(orders.dsn))
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_only_the_owner_attaches(orders: Database) -> None:
    done = subprocess.run(
        [KHALA, "attach", "public.orders", "--key", "id", "--org", "org_id"],
        env=environment(orders.dba_dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "does not own table" in done.stderr
    with psycopg.connect(orders.dsn) as connection:
        assert connection.execute("SELECT FROM runtime.attachments").rowcount == 0
