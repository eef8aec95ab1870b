"""`khala dev` as its user meets it: one process to start, one to stop, whatever dies in between."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import psycopg
import pytest

from khala_pg.auth import keyring_file
from khala_pg.postgres import free_ports
from support.http.tokens import verify_token
from support.postgres.servers import Servers
from support.programs.dev_process import PATIENCE_S, khala, running
from support.trials.waiting import wait_until


@pytest.fixture
def data_dir(servers: Servers) -> Path:
    return servers.new_home("dev") / "data"


def test_ready_line_and_state(data_dir: Path) -> None:
    with running(data_dir) as dev:
        ready = dev.ready
        assert list(ready) == [
            "ready",
            "database",
            "ws",
            "http",
            "page",
            "token",
            "lightning_ops_secret",
        ]
        assert ready["ready"] is True
        assert ready["ws"].endswith("/socket/websocket")
        state = json.loads((data_dir / "dev.json").read_text())
        assert {state[name] == ready[name] for name in ("database", "ws", "http", "token")} == {
            True
        }
        assert state["pid"] == dev.process.pid
        claims = verify_token(ready["token"], keyring_file.load(Path(state["keyring"])))
        assert claims.org_id == "dev"
        assert set(claims.scopes) >= {
            "runtime.run_summaries",
            "runtime.codex_worker_summaries",
            "runtime.notifications",
        }
        for name in (
            "dev.json",
            "keyring.json",
            "relay.password",
            "relay.log",
            "lightning.secret",
        ):
            assert (data_dir / name).stat().st_mode & 0o077 == 0, name
        assert dev.is_ready()
        # One group: whoever ends the group ends all of it.
        groups = {os.getpgid(dev.child(word)) for word in ("postgres", "relay")}
        assert groups == {os.getpgid(dev.process.pid)}
        with psycopg.connect(state["relay_database"]) as relay:
            assert relay.execute("SELECT khala.schema_version() > 0").fetchone() == (True,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                relay.execute("SELECT * FROM runtime.sync_stream_events")
        calls = httpx.Client(base_url=ready["http"], trust_env=False, timeout=PATIENCE_S)
        with calls:
            answer = calls.post(
                "/api/internal/lightning-ops/control-plane/mutation",
                json={
                    "functionName": "lightning/security:setGlobalPause",
                    "args": {"secret": ready["lightning_ops_secret"], "active": True},
                },
            )
        assert answer.json()["global"]["globalPause"] is True
        with psycopg.connect(ready["database"]) as connection:
            owner = connection.execute(
                "SELECT org_id FROM runtime.sync_documents"
                " WHERE topic = 'lightning.security' AND doc_key = 'global'"
            ).fetchone()
        assert owner == ("dev",)
        assert ready["lightning_ops_secret"] not in (data_dir / "relay.log").read_text()
        doctor = subprocess.run(
            khala("doctor", "--json"),
            env={**os.environ, "KHALA_DEV_FILE": str(data_dir / "dev.json")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        assert {finding["status"] for finding in json.loads(doctor.stdout)["findings"]} <= {
            "ok",
            "warn",
        }


def test_stop_ends_everything_and_a_second_start_finds_the_data(data_dir: Path) -> None:
    with running(data_dir) as dev:
        dev.sink("kept")
        children = [dev.child("postgres"), dev.child("relay")]
        assert 0 not in children
        watches = [os.pidfd_open(child) for child in children]
        assert dev.stop() == 0
        assert not (data_dir / "dev.json").exists()
        for watch in watches:
            assert select.select([watch], [], [], 0)[0], "a child outlived khala dev"
            os.close(watch)
    with running(data_dir) as dev:
        with psycopg.connect(dev.ready["database"]) as connection:
            row = connection.execute(
                "SELECT count(*) FROM khala.snapshot('runtime.notifications', 'dev') "
                "WHERE page LIKE '%\"kept\"%'"
            ).fetchone()
        assert row == (1,)
        assert dev.stop(signal.SIGINT) == 0


def test_what_is_killed_comes_back(data_dir: Path) -> None:
    with running(data_dir) as dev:
        relay, postgres = dev.child("relay"), dev.child("postgres")
        os.kill(relay, signal.SIGKILL)
        wait_until(
            lambda: dev.child("relay") not in (0, relay) and dev.is_ready(),
            "relay is another process, and khala dev ready again",
            PATIENCE_S,
        )
        os.kill(postgres, signal.SIGKILL)
        wait_until(
            lambda: (
                dev.child("postgres") not in (0, postgres) and dev.has_database() and dev.is_ready()
            ),
            "postgres is another process, and khala dev ready again",
            PATIENCE_S,
        )
        dev.sink("after")
        assert dev.stop() == 0
        assert dev.process.stderr is not None
        said = dev.process.stderr.read()
    assert "the relay was killed by SIGKILL; starting it again" in said
    assert "PostgreSQL was killed by SIGKILL; starting it again" in said


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children on Linux only")
def test_children_end_with_a_killed_parent(data_dir: Path) -> None:
    with running(data_dir) as dev:
        watches = [os.pidfd_open(dev.child(word)) for word in ("postgres", "relay")]
        dev.process.kill()
        for watch in watches:
            assert select.select([watch], [], [], PATIENCE_S)[0], "a child outlived khala dev"
            os.close(watch)
    with running(data_dir) as dev:
        assert dev.is_ready()


def test_what_is_taken_is_refused(data_dir: Path, servers: Servers) -> None:
    def refusal(*arguments: str | Path) -> str:
        said = subprocess.run(
            khala("dev", *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert said.returncode == 1, said.stdout + said.stderr
        assert "Traceback" not in said.stderr
        return " ".join(said.stderr.split())

    with running(data_dir) as dev:
        other = servers.new_home("other")
        port = dev.ready["http"].rpartition(":")[2]
        assert "already runs in" in refusal("--data-dir", data_dir, "--ws-port=0", "--http-port=0")
        said = refusal("--data-dir", other, "--ws-port", port, "--http-port=0")
        assert f"port {port} of 127.0.0.1 is in use" in said
        assert "--ws-port" in said
        said = refusal("--data-dir", other, "--ws-port=0", "--http-port=0", "--pg-bin", other)
        assert "no program postgres" in said
        assert dev.is_ready()


def test_ports_are_those_of_the_last_run_unless_another_program_has_them(data_dir: Path) -> None:
    with running(data_dir) as dev:
        first = dev.ready
        assert dev.stop() == 0
    with running(data_dir) as dev:
        assert {name: dev.ready[name] for name in ("database", "ws", "http")} == {
            name: first[name] for name in ("database", "ws", "http")
        }
        assert dev.stop() == 0
    port = int(first["http"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), running(data_dir) as dev:
        assert (dev.ready["database"], dev.ready["ws"]) == (first["database"], first["ws"])
        assert dev.ready["http"] != first["http"]
        assert dev.stop() == 0
        assert dev.process.stderr is not None
        said = dev.process.stderr.read()
    assert f"port {port} is in use by another program: --http-port is " in " ".join(said.split())


def test_given_ports_are_used(data_dir: Path) -> None:
    ws, http, pg = (free_ports.free_port() for _ in range(3))
    given = (f"--ws-port={ws}", f"--http-port={http}", f"--pg-port={pg}", "--metrics-port=0")
    with running(data_dir, *given) as dev:
        assert dev.ready["ws"] == f"ws://127.0.0.1:{ws}/socket/websocket"
        assert dev.ready["http"] == f"http://127.0.0.1:{http}"
        assert f"127.0.0.1:{pg}/" in dev.ready["database"]
        with urllib.request.urlopen(dev.ready["metrics"], timeout=5) as answer:
            assert b"khala_ready 1.0" in answer.read()
        top = subprocess.run(
            khala("top", "--once", "--json"),
            env={**os.environ, "KHALA_DEV_FILE": str(data_dir / "dev.json")},
            capture_output=True,
            text=True,
            check=True,
        )
        [relay] = json.loads(top.stdout)["relays"]
        assert (relay["url"], relay["ready"]) == (dev.ready["metrics"], True)
