"""The embedded server: started, stopped, killed, found again, and run from where root keeps it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from khala_pg.postgres import free_ports
from khala_pg.postgres.installation import PostgresServerError
from khala_pg.postgres.server import PostgresServer, StopMode
from support.postgres.servers import OLDEST, SETTINGS, Servers, find_oldest_bin
from support.programs.missing import skip_without


@pytest.fixture
def home(servers: Servers) -> Path:
    return servers.new_home("server")


@pytest.fixture
def temporary_home() -> Iterator[Path]:
    """A home where temporary files are; those of the other tests may be in memory."""
    home = Path(tempfile.mkdtemp(prefix="khala-test-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


def count(server: PostgresServer, dsn: str | None = None) -> int:
    with psycopg.connect(dsn or server.dsn()) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def fill(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_keeps_port_and_data(home: Path, mode: StopMode) -> None:
    with PostgresServer(home, settings=SETTINGS) as server:
        fill(server)
        port, pid = server.port, server.pid
        server.restart(mode)
        assert server.port == port
        assert server.pid not in (None, pid)
        assert count(server) == 1000
        assert count(server, server.socket_dsn()) == 1000
    assert server.pid is None


def test_a_killed_server_recovers(home: Path) -> None:
    with PostgresServer(home, settings=SETTINGS) as server:
        fill(server)
        with contextlib.closing(psycopg.connect(server.dsn())) as busy:
            busy.execute("SELECT 1")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.stop()
            assert (server.data_directory / "postmaster.pid").exists()
            server.start()
            assert count(server) == 1000


def test_a_lock_file_of_a_recycled_process_id_is_no_obstacle(home: Path) -> None:
    with PostgresServer(home, settings=SETTINGS) as server:
        fill(server)
        lock = (server.data_directory / "postmaster.pid").read_text()
        server.stop("immediate")
        # As if the number now belonged to some other program: this one.
        stale = server.data_directory / "postmaster.pid"
        stale.write_text("\n".join([str(os.getpid()), *lock.splitlines()[1:]]) + "\n")
        server.start()
        assert count(server) == 1000


def test_two_servers_on_one_cluster_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("khala_pg.postgres.cluster._PREVIOUS_SERVER_S", 0.1)
    with (
        PostgresServer(home, settings=SETTINGS),
        pytest.raises(PostgresServerError, match="already runs"),
    ):
        PostgresServer(home, settings=SETTINGS).start()


def test_a_taken_port_is_named(home: Path, newest_server: PostgresServer) -> None:
    server = PostgresServer(home, port=newest_server.port, settings=SETTINGS)
    with pytest.raises(PostgresServerError, match=f"port {newest_server.port} .* in use"):
        server.start()


def test_a_cluster_of_another_version_is_refused(home: Path) -> None:
    oldest = find_oldest_bin()
    if oldest is None:
        skip_without(f"PostgreSQL {OLDEST} is not installed")
    with PostgresServer(home, settings=SETTINGS):
        pass
    with pytest.raises(PostgresServerError, match="was made by PostgreSQL 18"):
        PostgresServer(home, pg_bin=oldest).start()


def test_a_directory_without_programs_is_refused(home: Path) -> None:
    with pytest.raises(PostgresServerError, match="no program postgres"):
        PostgresServer(home, pg_bin=home)


def test_a_wrong_setting_is_told_in_the_servers_words(home: Path) -> None:
    server = PostgresServer(home, settings={"wal_level": "nonsense"})
    with pytest.raises(PostgresServerError, match="wal_level"):
        server.start()


def test_a_password_is_asked_for_on_both_ways_in(newest_server: PostgresServer) -> None:
    for dsn in (newest_server.dsn(password="no"), newest_server.socket_dsn(password="no")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(dsn)
    assert (newest_server.home / "password").stat().st_mode & 0o077 == 0


def test_a_path_too_long_for_a_socket(servers: Servers) -> None:
    home = servers.new_home("long") / ("x" * 90)
    home.parent.chmod(0o755)
    with (
        PostgresServer(home, settings=SETTINGS) as server,
        psycopg.connect(server.socket_dsn()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that others cannot enter")
def test_a_closed_home_gets_its_cluster_elsewhere(temporary_home: Path) -> None:
    home = temporary_home
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with PostgresServer(closed / "khala", settings=SETTINGS) as server:
        fill(server)
        place = server.data_directory
        assert not place.is_relative_to(closed)
    with PostgresServer(closed / "khala", settings=SETTINGS) as server:
        assert server.data_directory == place
        assert count(server) == 1000
    assert closed.stat().st_mode & 0o777 == 0o700
    # Whoever removes the home means an empty database the next time.
    (closed / "khala" / "cluster").unlink()
    with (
        PostgresServer(closed / "khala", settings=SETTINGS) as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    # The home being a temporary directory, its cluster goes when the next one is made.
    shutil.rmtree(closed)
    (home / "next").mkdir(mode=0o700)
    with PostgresServer(home / "next" / "khala", settings=SETTINGS) as server:
        assert not place.exists()
        last = server.data_directory
    shutil.rmtree(last)
    last.with_suffix(".home").unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children on Linux only")
def test_the_server_ends_with_its_parent(home: Path) -> None:
    script = textwrap.dedent(
        f"""
        import pathlib
        from khala_pg.postgres.server import PostgresServer
        server = PostgresServer(pathlib.Path({str(home)!r}), settings={SETTINGS!r})
        server.start()
        print(server.pid, flush=True)
        input()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    # A new server waits for the old one to be gone.
    with PostgresServer(home, settings=SETTINGS) as server:
        assert server.pid not in (None, pid)


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(free_ports.free_port() < first for _ in range(20))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not free_ports.is_free(taken.getsockname()[1])
