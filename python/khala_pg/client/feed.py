"""Feed of changes to iterators, one batch at a time; each batch waits for all of them.

There is no queue: a batch stays with the reader of the socket until every listener has asked for
more than it held. A slow listener therefore slows the reader, the socket and in the end the sender,
and what a listener did not get to is not saved as seen.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from khala_pg.client.documents import Change


class _Listener:
    def __init__(self) -> None:
        self.batch: Sequence[Change] = ()
        self.ready = asyncio.Event()
        self.done = asyncio.Event()
        self.done.set()


class ChangeFeed:
    """Any number of listeners; each sees every change published while it listens."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._failure: BaseException | None = None
        self._ended = False

    async def publish(self, changes: Sequence[Change]) -> None:
        """Hand out a batch; returns when every listener has dealt with it or has gone."""
        if not changes:
            return
        listeners = list(self._listeners)
        for listener in listeners:
            listener.batch = changes
            listener.done.clear()
            listener.ready.set()
        for listener in listeners:
            await listener.done.wait()

    def end(self, failure: BaseException | None = None) -> None:
        """Nothing more will come: listeners stop, or raise `failure`."""
        self._ended = True
        self._failure = failure
        for listener in self._listeners:
            listener.ready.set()

    async def listen(self) -> AsyncIterator[Change]:
        """Changes from when the first is asked for.

        A change counts as dealt with when the next one is asked for. Raises what the feed ended
        with, if it ended with a failure.
        """
        listener = _Listener()
        self._listeners.add(listener)
        try:
            while True:
                if self._ended:
                    if self._failure is not None:
                        raise self._failure
                    return
                await listener.ready.wait()
                batch, listener.batch = listener.batch, ()
                listener.ready.clear()
                for change in batch:
                    yield change
                listener.done.set()
        finally:
            self._listeners.discard(listener)
            listener.done.set()
