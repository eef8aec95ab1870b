"""The event loop that a relay is told to run on."""

import sys

import pytest
import uvloop

from khala_pg.errors import UsageError
from khala_pg.relay.process.event_loops import loop_factory


def test_uvloop_is_taken_where_it_is_installed() -> None:
    assert loop_factory("asyncio") is None
    for name in ("auto", "uvloop"):
        make = loop_factory(name)
        assert make is not None
        loop = make()
        assert isinstance(loop, uvloop.Loop)
        loop.close()


def test_a_loop_that_there_is_not_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no event loop 'trio'"):
        loop_factory("trio")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory("auto") is None
    with pytest.raises(UsageError, match="not installed") as caught:
        loop_factory("uvloop")
    assert "khala-pg[fast]" in caught.value.hint
