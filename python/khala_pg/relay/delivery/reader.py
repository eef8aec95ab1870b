"""Subscription of one socket, as its live feed sees it."""

from typing import Protocol

from khala_pg.errors import RefusedError
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.delivery.subset import Subset


class Reader(Protocol):
    """One subscription of one socket, as its feed sees it."""

    @property
    def org_id(self) -> str: ...

    @property
    def subset(self) -> Subset | None: ...

    @property
    def connection(self) -> RelayConnection: ...

    @property
    def join_ref(self) -> str | None: ...

    def fall_back(self, position: int) -> None:
        """Off the feed, to go on by replay from the position."""

    def refuse(self, error: RefusedError, position: int) -> None:
        """Off the feed, and the database will not go on from the position."""

    def fail(self) -> None:
        """Off the feed, because of an internal failure."""
