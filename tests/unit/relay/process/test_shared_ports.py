"""Ports of workers: the same for clients, nobody else's, and metrics each its own."""

import socket

import pytest

from khala_pg.errors import UsageError
from khala_pg.postgres.free_ports import free_port, is_free
from khala_pg.relay.opening.ports import bind, bound
from khala_pg.relay.process.shared_ports import held
from khala_pg.relay.settings import RelaySettings


def test_workers_share_ports_that_nobody_else_gets() -> None:
    # One port of the test's own choice: what the kernel chose would be anybody's afterwards.
    settings = RelaySettings("", ws_port=free_port(), http_port=0, metrics_port=0)
    with held(settings, 3) as each:
        [(ws_port, http_port)] = {(s.ws_port, s.http_port) for s in each}
        assert len({ws_port, http_port, *(s.metrics_port for s in each)}) == 5
        # More than one can listen, and none has to.
        with bound(each[0]) as one, bound(each[1]) as other:
            assert one.ws.getsockname() == other.ws.getsockname()
        for port in (ws_port, http_port, each[0].metrics_port):
            assert port is not None
            with pytest.raises(UsageError, match="cannot listen"):
                bind("--ws-port", "127.0.0.1", port)
    with bind("--ws-port", "127.0.0.1", ws_port):
        pass


def test_metrics_are_on_the_port_asked_for_and_those_after_it() -> None:
    while not is_free((first := free_port()) + 1):
        continue
    with held(RelaySettings("", ws_port=0, metrics_port=first), 2) as each:
        assert [s.metrics_port for s in each] == [first, first + 1]
    with held(RelaySettings("", ws_port=0), 2) as each:
        assert [(s.http_port, s.metrics_port) for s in each] == [(None, None)] * 2


def test_a_port_that_somebody_shares_is_taken_all_the_same() -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with (
            pytest.raises(UsageError, match=f"port {port}") as caught,
            held(RelaySettings("", ws_port=port), 2),
        ):
            pass
    assert "--ws-port" in caught.value.hint


@pytest.mark.parametrize("port", [65535, 70000])
def test_ports_end_somewhere(port: int) -> None:
    with (
        pytest.raises(UsageError, match="cannot listen"),
        held(RelaySettings("", ws_port=0, metrics_port=port), 2),
    ):
        pass
