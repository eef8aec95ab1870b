"""`khala relay` as a service of `Type=notify`: its datagrams on a real socket."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from khala_pg.relay.process.service_manager import service_manager
from support.postgres.databases import Database
from support.relay.relay_process import relay_process
from support.trials.waiting import wait_until

PATIENCE_S = 60


class Manager:
    """A service manager's socket, read all the time: a few messages fill it."""

    def __init__(self, address: str) -> None:
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while message := self._socket.recv(100).decode():
            self.messages.append(message)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", self._socket.getsockname())
        self._thread.join(PATIENCE_S)
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [1, 2])
def test_ready_alive_and_stopping(
    newest_database: Database, tmp_path: Path, manager: Manager, workers: int
) -> None:
    messages = manager.messages
    with relay_process(
        newest_database.relay_dsn,
        tmp_path,
        limits={},
        environment={
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "200000",
            "KHALA_RELAY_WORKERS": str(workers),
            "KHALA_RELAY_LIMIT": "pool_size=2 drain_timeout_s=5",
        },
    ) as relay:
        assert len(relay.hello.get("workers", [None])) == workers
        wait_until(lambda: "READY=1" in messages, "it says that it is ready")
        alive = messages.count("WATCHDOG=1")
        wait_until(lambda: messages.count("WATCHDOG=1") > alive + 2, "it says that it is alive")
        assert "STOPPING=1" not in messages
        assert relay.terminate() == 0
        wait_until(lambda: "STOPPING=1" in messages, "it said that it stops")
    # Of the process that was started, and not of its workers.
    assert messages.count("READY=1") == messages.count("STOPPING=1") == 1


def test_without_a_manager_nothing_is_sent(tmp_path: Path, manager: Manager) -> None:
    service_manager({}).ready()
    # A watchdog of another process.
    other = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}
    found = service_manager(other, pid=2)
    assert found.alive_every_s is None
    found.alive()
    found.stopping()
    wait_until(lambda: manager.messages == ["STOPPING=1"], "the one message is there")


def test_a_manager_that_is_gone_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service_manager({"NOTIFY_SOCKET": str(tmp_path / "nothing")}).ready()
    assert "READY=1" in caplog.text


def test_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind("\0khala-test-" + str(id(receiving)))
        receiving.settimeout(PATIENCE_S)
        name = receiving.getsockname().decode().replace("\0", "@")
        service_manager({"NOTIFY_SOCKET": name}).ready()
        assert receiving.recv(100) == b"READY=1"
