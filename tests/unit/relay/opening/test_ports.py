"""What the sockets that a relay listens on pass on to those it accepts."""

import socket

from khala_pg.relay.opening.ports import bind


def test_what_is_written_leaves_at_once() -> None:
    """Without TCP_NODELAY a frame waits for the client to acknowledge the one before: 40 ms."""
    with (
        bind("--ws-port", "127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
