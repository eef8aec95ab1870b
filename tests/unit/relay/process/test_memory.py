"""When what ended sockets leave is freed."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from khala_pg.relay.process.memory import EndedSockets


class Socket:
    """What refers to itself, as an ended socket does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def nobody_else_collects() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(("still_open", "ended"), [(0, 500), (10, 500), (1200, 1200)])
def test_freed_once_as_many_have_ended_as_are_open(still_open: int, ended: int) -> None:
    sockets = EndedSockets()
    for _ in range(2):
        left = weakref.ref(Socket())
        for _ in range(ended - 1):
            sockets.add(still_open)
        assert left() is not None
        sockets.add(still_open)
        assert left() is None
