"""The desktop surface in a real window, on a real relay and a real database."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg.types.json import Jsonb

from khala_pg.auth import api_keys
from khala_pg.auth import keyring as keys
from khala_pg.sqlapi import admin
from support.desktop.desktop_surface import (
    PATIENCE_S,
    monitored,
    require_desktop,
    session_bus,
    surface,
    surroundings,
    virtual_display,
)
from support.http.worker_api import heartbeat_long_ago
from support.postgres.databases import Database
from support.programs.runs import KHALA
from support.relay.client_relay import RelayUnderTest, relay_process
from support.trials.waiting import wait_until

RUNS = "runtime.run_summaries"
WORKERS = "runtime.codex_worker_summaries"
SECURITY = "lightning.security"
ORG = "org-a"
# What a display shows 60 times a second.
FRAME_MS = 16.7


@pytest.fixture(scope="module")
def display() -> Iterator[dict[str, str]]:
    """Variables of a desktop session, which has no tray."""
    require_desktop()
    with virtual_display() as name, session_bus() as bus:
        yield {"DISPLAY": name, "DBUS_SESSION_BUS_ADDRESS": bus}


def settings(display: Mapping[str, str], relay: RelayUnderTest, token: str = "") -> dict[str, str]:
    """The surface's environment: no variable of a legacy backend is in it."""
    scopes = (RUNS, WORKERS, SECURITY)
    return {
        **display,
        "OA_DESKTOP_KHALA_SYNC_URL": relay.ws,
        "KHALA_HTTP_URL": relay.http,
        "KHALA_TOKEN": token or relay.token(scopes=scopes),
    }


def event(
    database: Database, run: str, kind: str, org: str | None = None, **payload: object
) -> None:
    with database.connect("runtime") as connection:
        connection.execute(
            "SELECT khala.append_run_event(%s, %s, %s, %s)", (run, kind, json.dumps(payload), org)
        )


def started(database: Database, run: str) -> None:
    event(database, run, "run.started", ORG, title=f"Run {run}")


def test_runs_workers_and_the_pause_live(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    database, ring = newest_database, keys.generate()
    started(database, "old")
    event(database, "old", "run.failed", reason="long ago")
    started(database, "new")
    bus = display["DBUS_SESSION_BUS_ADDRESS"]
    rule = "interface='org.freedesktop.portal.Notification'"
    with (
        relay_process(database.dsn, ring, tmp_path) as (relay, _),
        monitored(bus, rule, tmp_path / "bus") as said,
        surface(settings(display, relay), tmp_path) as shown,
    ):
        seen = shown.shows("both runs", connection="Live", lag="none", rows=2)
        assert seen["runs"] in ("1 failed, 1 running", "1 running, 1 failed")
        assert seen["lightning"] == "no switch is set"
        # What had failed before the first start is no news.
        assert seen["notices"] == []
        assert set(shown.ports()) <= {port(relay.ws), port(relay.http)}

        event(database, "new", "run.finished", exit_code=2, reason="two tests failed")
        seen = shown.shows("the failure", runs="2 failed")
        assert seen["notices"] == [["Run failed: Run new", "two tests failed"]]
        assert "Run failed: Run new. two tests failed" in seen["labels"]
        words = ("AddNotification", '"Run failed: Run new"', '"two tests failed"')
        wait_until(
            lambda: all(word in said.read_text() for word in words), "it is on the bus", PATIENCE_S
        )
        event(database, "new", "run.note")

        heartbeat_long_ago(database, "w1", ORG)
        # The relay applies the rule.
        seen = shown.shows("the stale worker", workers="1 stale")
        assert [title for title, _ in seen["notices"]] == [
            "Run failed: Run new",
            "Worker stale: w1",
        ]

        with database.connect() as connection:
            connection.execute("SELECT lightning.set_operators(%s)", (ORG,))
            connection.execute(
                "SELECT lightning.set_global_pause(%s)",
                (Jsonb({"active": True, "reason": "The node is being moved."}),),
            )
        shown.shows("the pause", lightning="paused: The node is being moved.")

        shown.ask("activate", position=0)
        shown.ask("menu", name="Open in browser")
        assert shown.seen()["urls"] == [
            f"{relay.http}/#/runs?open=runtime%2Frun_summary%3Anew",
            f"{relay.http}/#/runs",
        ]
        assert shown.ask("menu", name="Quit")
        assert shown.process.wait(PATIENCE_S) == 0


def test_offline_it_shows_its_store_and_then_continues(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    database, ring = newest_database, keys.generate()
    started(database, "r1")
    with relay_process(database.dsn, ring, tmp_path) as (relay, process):
        environment = settings(display, relay)
        with surface(environment, tmp_path) as shown:
            shown.shows("the run", connection="Live", runs="1 running")
            process.kill()
            shown.shows("that it is offline", connection="Offline", runs="1 running")
            assert shown.stop() == 0
        with surface(environment, tmp_path) as shown:
            seen = shown.shows("its store", connection="Offline", runs="1 running")
            assert "tries again" in seen["detail"]
            event(database, "r1", "run.failed", reason="while it was away")
            started(database, "r2")
            event(database, "r2", "run.failed", reason="unseen before")
            ports = {"ws_port": port(relay.ws), "http_port": port(relay.http)}
            with relay_process(database.dsn, ring, tmp_path, **ports):
                seen = shown.shows("what happened meanwhile", connection="Live", runs="2 failed")
                assert sorted(seen["notices"]) == [
                    ["Run failed: Run r1", "while it was away"],
                    ["Run failed: Run r2", "unseen before"],
                ]
            shown.shows("that it is offline again", connection="Offline")
            assert shown.stop(signal.SIGINT) == 0


def port(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


def test_one_instance_which_remembers_its_place(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    with relay_process(newest_database.dsn, keys.generate(), tmp_path) as (relay, _):
        environment = settings(display, relay)
        with surface(environment, tmp_path) as shown:
            shown.shows("the window", connection="Live")
            shown.ask("move", x=120, y=90, width=800, height=600)
            shown.ask("menu", name="Start at login")
            second = subprocess.run(
                [KHALA, "desktop"],
                env=surroundings(environment, tmp_path),
                timeout=PATIENCE_S,
                check=False,
                capture_output=True,
                text=True,
            )
            assert (second.returncode, second.stderr) == (0, "")
            assert shown.seen()["raised"] == 1
            # A login has the token in its environment, and everything else in the entry.
            [entry] = (tmp_path / "config/autostart").iterdir()
            assert "KHALA_TOKEN" not in entry.read_text()
            start = entry.read_text().partition("\nExec=")[2].partition("\n")[0]
            login = surroundings({**display, "KHALA_TOKEN": environment["KHALA_TOKEN"]}, tmp_path)
            for name in ("OA_DESKTOP_KHALA_SYNC_ENABLED", "XDG_STATE_HOME"):
                del login[name]
            # In a shell, as nothing here has a character that only entries escape.
            subprocess.run(["sh", "-c", start], env=login, timeout=PATIENCE_S, check=True)
            assert shown.seen()["raised"] == 2
            assert shown.stop(signal.SIGTERM) == 0
        with surface(environment, tmp_path) as shown:
            assert shown.shows("the window", visible=True)["place"] == [120, 90, 800, 600]
            # A killed one does not keep the next from starting.
            shown.stop(signal.SIGKILL)
        with surface(environment, tmp_path) as shown:
            assert shown.shows("the window", visible=True, connection="Live")
            # Without a tray nobody could open it again.
            shown.ask("close")
            assert shown.process.wait(PATIENCE_S) == 0


def test_tokens_end_and_keys_make_new_ones(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    database = newest_database
    started(database, "r1")
    key = api_keys.generate()
    with database.connect("dba") as connection:
        admin.create_api_key(connection, key, "desktop", None, ORG, [RUNS], None)
    with relay_process(database.dsn, keys.generate(), tmp_path) as (relay, _):
        token = relay.token(scopes=(RUNS, WORKERS))
        with surface(settings(display, relay, token), tmp_path) as shown:
            # Not for lightning.security: that line is not there.
            shown.shows("the run", connection="Live", runs="1 running", lightning=None)
            with database.connect("dba") as connection:
                connection.execute("SELECT khala.revoke('sub', 'tester')")
            shown.shows("that it is signed out", connection="Signed out", runs="1 running")
            assert shown.stop() == 0
        expired = relay.token(scopes=(RUNS, WORKERS), ttl_s=-60, subject="late")
        with surface(settings(display, relay, expired), tmp_path) as shown:
            seen = shown.shows("that it is signed out", connection="Signed out", runs="unknown")
            assert "expired" in seen["detail"]
            assert shown.stop() == 0
        environment = {**settings(display, relay), "KHALA_API_KEY": str(key)}
        with surface(environment, tmp_path) as shown:
            # Another account: another store. The key is for runs only.
            shown.shows("the run by a key", connection="Live", runs="1 running")
            assert shown.seen()["workers"] == "the token is not for them"
            assert shown.stop() == 0
        with database.connect("dba") as connection:
            connection.execute("SELECT khala.revoke_api_key(%s)", (key.key_id,))
        with surface(environment, tmp_path) as shown:
            # What it has is still there.
            seen = shown.shows("that the key is refused", connection="Signed out")
            assert seen["runs"] == "1 running"
            assert "khala key create" in seen["detail"]
            with database.connect() as connection:
                connection.execute("UPDATE runtime.api_keys SET revoked_at = NULL")
            # It need not be started again.
            shown.shows("the run again", connection="Live", runs="1 running")
            assert shown.stop() == 0
    assert len(list((tmp_path / "state").rglob("*.khala"))) == 3


def test_the_flag_switches_it_off_and_on(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    database = newest_database

    def flag(lane: str) -> None:
        with database.connect("dba") as connection:
            connection.execute("SELECT khala.set_flag('desktop', %s, 100)", (lane,))

    flag("khala")
    with (
        relay_process(database.dsn, keys.generate(), tmp_path) as (relay, _),
        surface(settings(display, relay), tmp_path) as shown,
    ):
        seen = shown.shows("that there is nothing", connection="Live", runs="none")
        assert "khala run" in seen["hint"]
        started(database, "r1")
        shown.shows("the run", connection="Live", runs="1 running", hint="")
        flag("legacy")
        shown.shows("that it is off", connection="Switched off", runs="1 running")
        wait_until(lambda: port(relay.ws) not in shown.ports(), "it has no socket", PATIENCE_S)
        event(database, "r1", "run.finished", exit_code=0)
        flag("khala")
        shown.shows("that it is on again", connection="Live", runs="1 succeeded")


def test_ten_thousand_documents_scroll_and_it_rests(
    newest_database: Database, display: dict[str, str], tmp_path: Path
) -> None:
    database = newest_database
    with database.connect("runtime") as connection:
        connection.execute(
            "SELECT khala.ingest_events(jsonb_agg(jsonb_build_object('entity', 'run',"
            " 'id', 'r' || i, 'seq', 1, 'type', 'run.started', 'org_id', %s::text,"
            " 'payload', jsonb_build_object('title', 'Run ' || i))))"
            " FROM generate_series(1, 10000) AS i",
            (ORG,),
        )
    with (
        relay_process(database.dsn, keys.generate(), tmp_path) as (relay, _),
        surface(settings(display, relay), tmp_path) as shown,
    ):
        shown.shows("all runs", connection="Live", rows=10_000)
        took = shown.ask("scroll", steps=200)
        # Processor time: other tests do not count.
        assert took["median"] < FRAME_MS, took
        share = shown.idle_share(5)
        assert share <= 0.01
        print(f"pictures: {took}, idle: {share:.2%} of a core")
        assert shown.stop() == 0


@pytest.mark.parametrize(
    ("variables", "status", "said"),
    [
        ({"OA_DESKTOP_KHALA_SYNC_ENABLED": "false"}, 1, "the desktop surface is off"),
        ({"OA_DESKTOP_KHALA_SYNC_ENABLED": ""}, 1, "=true to switch it on"),
        ({"OA_DESKTOP_KHALA_SYNC_ENABLED": "perhaps"}, 2, "neither true nor false"),
        ({}, 2, "there is no display"),
        ({"DISPLAY": ":1", "OA_DESKTOP_KHALA_SYNC_URL": "x"}, 2, "ws://host:port"),
        ({"DISPLAY": ":1", "KHALA_TOKEN": ""}, 2, "no option or setting says where a token is"),
    ],
)
def test_what_it_does_not_start_with(
    variables: dict[str, str], status: int, said: str, tmp_path: Path
) -> None:
    environment = surroundings(
        {"OA_DESKTOP_KHALA_SYNC_URL": "ws://127.0.0.1:1/s", "KHALA_TOKEN": "x", **variables},
        tmp_path,
    )
    del environment["QT_QPA_PLATFORM"]
    done = subprocess.run(
        [KHALA, "desktop"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert said in done.stderr
