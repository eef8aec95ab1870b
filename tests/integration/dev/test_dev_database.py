"""`khala dev` in a database that its user has, and the way from a table to a page there.

On the newest PostgreSQL; on the oldest one tests/acceptance/test_new_user.py goes that way.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psycopg
import pytest

from khala_pg.auth import keyring_file
from khala_pg.auth.claims import NOT_TOPICS
from khala_pg.connections import connect
from khala_pg.postgres.server import PostgresServer
from khala_pg.sqlapi import attachments
from support.http.tokens import verify_token
from support.postgres.servers import SETTINGS, Servers
from support.programs.dev_process import Dev, khala, running

ORG = "a&b <c>"


@dataclass(frozen=True)
class Work:
    """A `khala dev` in the database of a login that is no superuser."""

    dev: Dev
    database: str

    def command(self, *words: str) -> str:
        given = {name: value for name, value in os.environ.items() if not name.startswith("KHALA")}
        done = subprocess.run(
            khala(*words),
            env={**given, "KHALA_DEV_FILE": str(self.dev.data_dir / "dev.json")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def token(self, org: str | None = ORG, **headers: str) -> httpx.Response:
        query = {} if org is None else {"org": org}
        url = f"{self.dev.ready['http']}/api/dev/token"
        return httpx.get(url, params=query, headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def work(servers: Servers) -> Iterator[Work]:
    home = servers.new_home("dev-database")
    with PostgresServer(home / "server", settings=SETTINGS) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("CREATE ROLE me LOGIN CREATEROLE PASSWORD 'pw'")
            admin.execute("CREATE DATABASE app OWNER me")
        database = server.dsn("app", "me", "pw")
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("CREATE TABLE public.orders (id int PRIMARY KEY, org_id text)")
            owner.execute("INSERT INTO public.orders VALUES (1, NULL), (2, %s)", (ORG,))
            owner.execute("CREATE TABLE public.prices (id int PRIMARY KEY)")
        arguments = ("--ws-port=0", "--http-port=0", f"--database={database}")
        with running(home / "data", *arguments) as dev:
            yield Work(dev, database)
    shutil.rmtree(home)


def test_it_works_in_that_database(work: Work) -> None:
    assert work.dev.ready["database"] == work.database
    assert work.dev.is_ready()
    assert not (work.dev.data_dir / "postgres").exists()
    assert "runtime.notifications" in work.command("topics")


def test_attach_prints_the_next_step(work: Work) -> None:
    said = work.command("attach", "public.orders", "--key", "id", "--org", "org_id")
    # The same on both ports.
    [url] = re.findall(r'fetch\("(http://127[.].*?org=a%26b%20%3Cc%3E)"\)', said)
    assert httpx.get(url, trust_env=False).status_code == 200
    assert f'url: "{work.dev.ready["ws"]}"' in said
    [tail] = re.findall(r"^  (khala tail .*)$", said, re.MULTILINE)
    assert tail == "khala tail public.orders --org 'a&b <c>'"
    tail += " --from-snapshot --until 1"
    assert '"doc_key":"2"' in work.command(*shlex.split(tail)[1:]).replace(" ", "")
    said = work.command("attach", "prices", "--public")
    assert 'topic("public.prices")' in said
    assert "?org=dev" in said


def test_tables_to_suggest(work: Work) -> None:
    with connect(work.database) as connection:
        connection.execute('CREATE TABLE public."Bills" ("Id" int PRIMARY KEY, "tenantId" int)')
        connection.execute("CREATE TABLE public.notes (id int PRIMARY KEY)")
        connection.execute("CREATE TABLE public.without_key (org_id int)")
        found = attachments.attachable(connection, 10)
        names = [(each.table_name, each.org_column) for each in found]
        assert names == [('public."Bills"', "tenantId"), ("public.notes", None)]


def test_tables_to_suggest_beside_attached_ones(work: Work) -> None:
    """One whose name needs quotes, and one that was dropped since, which has no name any more."""
    with connect(work.database) as connection:
        connection.execute('CREATE SCHEMA "My Shop"')
        connection.execute('CREATE TABLE "My Shop"."Order Lines" (id int PRIMARY KEY)')
        connection.execute("CREATE TABLE public.gone (id int PRIMARY KEY)")
        work.command("attach", '"My Shop"."Order Lines"', "--public", "--topic", "shop.lines")
        work.command("attach", "gone", "--public")
        connection.execute("DROP TABLE public.gone")
        names = {each.table_name for each in attachments.attachable(connection, 10)}
        assert '"My Shop"."Order Lines"' not in names
        assert "public.gone" not in names


def test_the_token_is_for_topics(work: Work) -> None:
    response = work.token()
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["cache-control"] == "no-store"
    ring = keyring_file.load(work.dev.data_dir / "keyring.json")
    claims = verify_token(response.text, ring)
    assert claims.org_id == ORG
    assert "runtime.notifications" in claims.scopes
    assert NOT_TOPICS.isdisjoint(claims.scopes)


def test_while_everything_starts_there_is_none_yet(work: Work) -> None:
    """The relay serves a moment before `khala dev` has written its file."""
    file, aside = work.dev.data_dir / "dev.json", work.dev.data_dir / "aside.json"
    file.rename(aside)
    try:
        response = work.token()
    finally:
        aside.rename(file)
    assert response.status_code == 503
    error = response.json()["error"]
    assert error["code"] == "sync_token_unavailable"
    assert error["retry_after_ms"] > 0


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:8000"])
def test_pages_of_this_machine_may_ask(work: Work, origin: str) -> None:
    response = work.token(Origin=origin)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] in ("*", origin)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
    ],
    ids=str,
)
def test_nobody_else_may(work: Work, headers: dict[str, str]) -> None:
    response = work.token(**headers)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "forbidden_origin"
    assert response.headers.get("access-control-allow-origin") is None


def test_an_organisation_is_named(work: Work) -> None:
    response = work.token(None)
    assert response.status_code == 422
    assert "?org=acme" in response.json()["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pg-port", "0"], "--database excludes --pg-port"),
        (["--database", "postgresql://a b"], "not a connection string"),
        (["--database", ""], "--database is empty"),
        (["--database", "host=127.0.0.1 port=1 dbname=none"], "cannot be reached"),
    ],
    ids=str,
)
def test_wrong_calls(work: Work, servers: Servers, words: list[str], says: str) -> None:
    place = servers.new_home("dev-wrong") / "data"
    given = ["--database", work.database, "--data-dir", str(place), *words]
    done = subprocess.run(khala("dev", *given), capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
