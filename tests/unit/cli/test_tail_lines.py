"""The states of a connection in words."""

from khala_pg.cli.watch.tail_lines import describe
from khala_pg.client import ConnectionState, Status
from khala_pg.client.errors import TransportError


def test_an_end_without_an_error_is_not_reported() -> None:
    assert describe(Status(ConnectionState.DISCONNECTED)) is None


def test_a_lost_connection_is_reported_with_its_error() -> None:
    lost = Status(ConnectionState.DISCONNECTED, error=TransportError("the server went away"))
    assert describe(lost) == "disconnected: the server went away"
