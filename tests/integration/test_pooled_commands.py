"""Every command that talks to the database, twice, through a pooler of each kind.

Debian 12's PgBouncer (1.18) knows nothing of prepared statements, and what a session keeps (names,
settings, locks) stays with a server connection that the next statement may not get.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest
import typer
from typer.core import TyperGroup

from khala_pg.cli.main import app
from khala_pg.lightning.api.operations import OPERATORS
from khala_pg.postgres.server import PostgresServer
from support.http.control_plane import SECRET, serving
from support.postgres.databases import Database, Template, cloned
from support.postgres.pooler import pooled
from support.programs.dev_process import running
from support.programs.runs import KHALA, environment, khala
from support.relay.asking import bearer
from support.relay.relay_process import relay_process

Mode = Literal["transaction", "session"]
TOPIC = "shop.orders"
_HOOK = ["--to", "webhook", "--url", "http://127.0.0.1:1"]
# Those that a pooler keeps for each of its clients.
_TRACKED = [
    "DateStyle",
    "TimeZone",
    "application_name",
    "client_encoding",
    "standard_conforming_strings",
]


def database_commands() -> Iterator[str]:
    """The commands that take a connection string, as the parser knows them."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[str]:
        if any(parameter.name == "database" for parameter in command.params):
            yield " ".join(words)
        if isinstance(command, TyperGroup):
            context = typer.Context(command)
            for name in command.list_commands(context):
                yield from walk(command.get_command(context, name), (*words, name))

    return walk(typer.main.get_command(app), ())


class Pooled:
    """The commands behind a pooler, each with what it needs and what it has to say."""

    def __init__(self, dsn: str, direct: str, mode: Mode, directory: Path) -> None:
        """direct: the connection string past the pooler, for what needs one in transaction mode."""
        self.dsn = dsn
        self._direct = direct
        self._mode = mode
        self._directory = directory
        self._env = environment(dsn, directory)
        self._events = directory / "events.jsonl"
        self._number = 0

    def scenes(self) -> Mapping[str, Callable[[], object]]:
        """By command."""
        topic = ["--topic", "runtime.run_summaries"]
        return {
            "dev": self._dev,
            "migrate": self._migrate,
            "topics add": lambda: self._says("is registered", "topics", "add", TOPIC),
            "topics": lambda: self._says(TOPIC, "topics"),
            "topics set": lambda: self._says("", "topics", "set", TOPIC, "--horizon", "8 days"),
            "topics remove": self._remove_topic,
            "topics writes": lambda: self._says("", "topics", "writes", TOPIC, "grouped"),
            "sequence": lambda: self._says("", "sequence"),
            "sink": lambda: self._says("stored", "sink", TOPIC, "order/7", "{}", "--wait"),
            "get": self._get,
            "query": lambda: self._says("", "query", TOPIC, "--where", "$.n > 1"),
            "attach": self._attach,
            "attachments": self._show_attachments,
            "detach": self._detach,
            "types": self._write_types,
            "run": self._run,
            "worker": self._work,
            "ingest": self._ingest,
            "reproject": lambda: self._says("", "reproject", "--all"),
            "retain": lambda: self._says(TOPIC, "retain"),
            "forget": lambda: self._says(TOPIC, "forget", TOPIC, "never", "--yes"),
            "archive": lambda: self._says("archived", "archive", "--older-than", "1 day"),
            "stats": lambda: self._says(TOPIC, "stats"),
            "top": lambda: self._says(TOPIC, "top", "--once"),
            "key create": lambda: self._says(
                "khala_", "key", "create", "k", "--org", "dev", *topic
            ),
            "key list": lambda: self._says("organisation", "key", "list"),
            "key revoke": self._revoke_key,
            "revoke": lambda: self._says("", "revoke", "--sub", "ann"),
            "revoke list": lambda: self._says("", "revoke", "list"),
            "page": self._link,
            "psql": lambda: self._says("4711", "psql", "-c", "SELECT 4711"),
            "flags": lambda: self._says("surface", "flags"),
            "flags set": lambda: self._says("", "flags", "set", "web", "--lane", "khala"),
            "flags remove": self._remove_flag,
            "parity": self._compare,
            "publish": self._publish,
            "publishers": lambda: self._says("publisher", "publishers"),
            "publishers set": lambda: self._says("set", *self._publisher("set"), *_HOOK),
            "publishers pause": lambda: self._says("paused", *self._publisher("pause")),
            "publishers resume": lambda: self._says("resumed", *self._publisher("resume")),
            "publishers aside": lambda: self._says("aside", "publishers", "aside"),
            "publishers retry": lambda: self._says("again", *self._publisher("retry")),
            "publishers remove": lambda: self._says("removed", *self._publisher("remove"), "--yes"),
            "lightning serve": self._serve_control_plane,
            "doctor": self._doctor,
            "relay": self._relay,
        }

    def _call(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return khala(*words, env=self._env, stdin=b"")

    def _says(self, expected: str, *words: str) -> str:
        done = self._call(*words)
        assert (done.returncode, done.stderr) == (0, b""), done
        assert expected in done.stdout.decode(), done
        return done.stdout.decode()

    def _link(self) -> None:
        done = self._call("page", "--url", "http://127.0.0.1:1")
        assert done.returncode == 0, done
        assert b"http://127.0.0.1:1/#/sign-in/" in done.stdout, done

    def _get(self) -> None:
        self._says("stored", "sink", TOPIC, "order/8", '{"n": 2}', "--wait")
        self._says('"n": 2', "get", TOPIC, "order/8", "--at-least", "1")

    def _attach(self) -> None:
        with psycopg.connect(self._direct, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS public.pooled (id int PRIMARY KEY)")
        self._says(
            "is attached",
            *("attach", "public.pooled", "--key", "id", "--public"),
            *("--topic", "shop.pooled", "--replace"),
        )

    def _show_attachments(self) -> None:
        self._attach()
        self._says("public.pooled", "attachments")

    def _detach(self) -> None:
        self._attach()
        self._says("is detached", "detach", "shop.pooled")

    def _write_types(self) -> None:
        self._attach()
        self._says("readonly id: number", "types", "--lang", "ts", "--topic", "shop.pooled")

    def _remove_flag(self) -> None:
        self._says("", "flags", "set", "gone")
        self._says("is removed", "flags", "remove", "gone")

    def _migrate(self) -> None:
        self._says("nothing to do", "migrate")
        self._says("applied", "migrate", "--status")
        self._says("ok", "migrate", "--verify")

    def _work(self) -> None:
        started = subprocess.Popen(
            [KHALA, "worker", "--org", "dev", "--poll", "0.1", "w", "--", "cat"],
            env=self._env,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert started.stderr is not None
        assert started.stderr.readline() == "w: started\n"
        started.terminate()
        assert started.communicate(timeout=60)[1] == "w: stopped: interrupted\n"

    def _run(self) -> None:
        self._number += 1
        self._says("hello", "run", "--id", f"run {self._number}", "--", "echo", "hello")

    def _ingest(self) -> None:
        self._events.write_text(
            '{"entity": "run", "id": "loaded", "seq": 1, "type": "run.started", "org_id": "dev"}\n'
        )
        self._says("loaded", "ingest", str(self._events))

    def _remove_topic(self) -> None:
        self._says("is registered", "topics", "add", "pooled.removed")
        self._says("", "topics", "remove", "pooled.removed", "--yes")

    def _revoke_key(self) -> None:
        found = re.search(
            r"\bkhala_([a-z0-9]+)_",
            self._says("", "key", "create", "k", "--org", "dev", "--topic", TOPIC),
        )
        assert found is not None
        self._says("", "key", "revoke", found[1])

    def _doctor(self) -> None:
        done = self._call("doctor")
        assert done.stderr == b"", done
        said = done.stdout.decode()
        if self._mode == "transaction":
            assert done.returncode == 1, said
            assert "a pooler stands between" in said
        else:
            assert done.returncode == 0, said
            assert "a notification arrived, through a pooler" in said
        assert "--listener-database" in said
        assert said.count("FAIL") == (1 if self._mode == "transaction" else 0), said

    def _compare(self) -> None:
        self._run()
        done = self._call("parity", "--url", "http://127.0.0.1:1", "--once")
        assert done.returncode == 1, done
        assert b"cannot be reached" in done.stderr, done

    def _publisher(self, command: str) -> list[str]:
        """The words of a command about a publisher that is there."""
        self._says("set", "publishers", "set", "hook", *_HOOK)
        return ["publishers", command, "hook"]

    def _publish(self) -> None:
        variables = {**self._env, "KHALA_PUBLISH_WEBHOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0"}
        # A topic of its own, without a document: nothing answers at the hook.
        self._says("is registered", "topics", "add", "pooled.published")
        arguments = ["publish", "pooled", *_HOOK, "--topic", "pooled.published", "--once"]
        done = khala(*arguments, env=variables)
        assert done.returncode == 2, done
        assert b"a pooler stands between" in done.stderr, done
        done = khala(*arguments, env={**variables, "KHALA_DATABASE_URL": self._direct})
        assert done.returncode == 0, done

    def _serve_control_plane(self) -> None:
        with serving(self.dsn, SECRET) as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            body = {"functionName": "lightning/security:getControlPlaneSecurityState", "args": {}}
            url = f"{ready['http']}{OPERATORS}/query"
            done = httpx.post(url, json=body, headers=bearer(SECRET), trust_env=False, timeout=30)
        assert done.json()["ok"] is True

    def _dev(self) -> None:
        past = [] if self._mode == "session" else [f"--listener-database={self._direct}"]
        given = ("--ws-port=0", "--http-port=0", f"--database={self.dsn}", *past)
        with running(self._directory / "dev", *given) as dev:
            assert dev.is_ready()

    def _relay(self) -> None:
        past = [] if self._mode == "session" else [f"--listener-database={self._direct}"]
        with relay_process(self.dsn, self._directory, arguments=past) as relay:
            assert relay.terminate() == 0


def kept_by_sessions(dsn: str, connections: int) -> list[Any]:
    """What was left behind in the server connections of a pool: settings, names, locks, tables."""
    query = (
        "SELECT name || ' = ' || setting FROM pg_settings"
        # A transaction's isolation ends with it, whatever source Postgres names for it afterwards.
        " WHERE source = 'session' AND name <> ALL (%s) AND name <> 'transaction_isolation'"
        " UNION ALL SELECT name FROM pg_prepared_statements"
        " UNION ALL SELECT 'temporary tables' WHERE pg_my_temp_schema() <> 0"
        " UNION ALL SELECT 'advisory lock of ' || pid FROM pg_locks WHERE locktype = 'advisory'"
    )
    with ExitStack() as opened:
        found = []
        for _ in range(connections):
            # The transaction keeps its server connection until all have one.
            connection = opened.enter_context(psycopg.connect(dsn, prepare_threshold=None))
            found += connection.execute(query, (_TRACKED,)).fetchall()
        return found


@pytest.fixture(scope="module", params=["transaction", "session"])
def behind_a_pooler(
    request: pytest.FixtureRequest,
    newest_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pooled]:
    """One database and one pooler of each kind, for all commands: they meet each other there."""
    mode: Mode = request.param
    with cloned(template_of(newest_server)) as database, pooled(database, mode=mode) as dsn:
        with database.connect() as connection:
            connection.execute("SELECT khala.register_topic(%s)", (TOPIC,))
        yield Pooled(dsn, database.dsn, mode, tmp_path_factory.mktemp(mode))


@pytest.mark.parametrize("command", list(database_commands()))
def test_every_command_twice(behind_a_pooler: Pooled, command: str) -> None:
    for _ in range(2):
        behind_a_pooler.scenes()[command]()
    assert kept_by_sessions(behind_a_pooler.dsn, 5) == []


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_migrations_at_the_same_time(empty_database: Database, mode: Mode) -> None:
    def migrate(*words: str) -> str:
        done = khala("migrate", *words, env=environment(dsn))
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def applied(results: Sequence[str]) -> list[str]:
        return [line for result in results for line in result.splitlines() if "applied " in line]

    with pooled(empty_database, mode=mode) as dsn, ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda _: migrate(), range(3)))
        changes = applied(results)
        assert len(changes) == len(set(changes)) > 3
        assert kept_by_sessions(dsn, 6) == []
        assert "reverted roles" in migrate("--revert", "--yes")
        assert kept_by_sessions(dsn, 6) == []


def test_a_pooler_with_one_server_connection_is_said_to_be_too_small(
    newest_database: Database, tmp_path: Path
) -> None:
    with pooled(newest_database, default_pool_size=1, query_wait_timeout=2) as dsn:
        done = khala("migrate", env=environment(dsn, tmp_path))
    assert done.returncode == 1
    assert "query_wait_timeout" in done.stderr.decode()
    assert "Raise its pool_size (`khala migrate` needs two connections" in done.stderr.decode()
