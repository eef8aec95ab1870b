"""One topic of one socket: how far it has been given, and whether it is on the live feed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from khala_pg.errors import RefusedError
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.delivery.feed import TopicFeed
from khala_pg.relay.delivery.feeds import Feeds
from khala_pg.relay.delivery.lanes import LANES, Lane
from khala_pg.relay.delivery.subset import Subset


@dataclass(slots=True, eq=False, kw_only=True)
class Subscription:
    """Either live (on a feed) or behind (replaying), until it has ended.

    Everything that writes updates asks `has_ended` after it has waited for anything: no update of
    a topic follows the reply to its unsubscribe.

    join_ref: of the join that it belongs to, which its updates carry.
    name: the name the client uses for the topic, one of the two that it has.
    subset: of the topic's keys, what it is narrowed to; None: all of them.
    replayed: everything up to here has been given by replay.
    head: of the topic when the client subscribed, as announced to it.
    batch_size: the most updates in one page of replay.
    compact: whether replay may leave out versions that a later one has replaced.
    is_announced: whether the client has had the end of its replay announced.
    """

    connection: RelayConnection
    join_ref: str | None
    name: str
    topic: str
    enum_name: str | None
    org_id: str
    subset: Subset | None
    epoch: str
    replayed: int
    head: int
    batch_size: int
    compact: bool
    on_fall_back: Callable[["Subscription"], None]
    on_refuse: Callable[["Subscription", RefusedError], None]
    on_fail: Callable[[], None]
    has_ended: bool = False
    is_announced: bool = False
    lane: Lane = field(init=False)
    behind_since: float = field(init=False)
    _has_begun: bool = False
    _is_slow: bool = False
    _feed: TopicFeed | None = None

    def __post_init__(self) -> None:
        self.lane = LANES[self.connection.encoding]
        self.behind_since = self.connection.loop.time()

    @property
    def covered(self) -> int:
        """Everything visible to the subscriber up to here has been written."""
        return self.replayed if self._feed is None else self._feed.position_of(self)

    @property
    def state(self) -> str:
        """live, catching_up, or slow: off the live feed because its socket was full."""
        if self._feed is not None:
            return "live"
        return "slow" if self._is_slow else "catching_up"

    def page_size(self) -> int:
        """The most updates in the next page.

        The first page ends where others' pages end, so that those after it are the same for
        sockets that come from different places, as far as they may see the same.
        """
        if self._has_begun:
            return self.batch_size
        return self.batch_size - self.replayed % self.batch_size

    def advance(self, covered: int) -> None:
        """A page of replay has been read; the caller writes it before it waits for anything."""
        self.replayed = covered
        self._has_begun = True

    def go_live(self, feeds: Feeds) -> bool:
        """Onto the live feed; False when that is further already: replay once more."""
        self._feed = feeds.attach(self, self.name, self.topic, self.epoch, self.lane, self.replayed)
        if self._feed is None:
            return False
        self._is_slow = False
        return True

    def end(self) -> None:
        """Nothing more is delivered."""
        self.has_ended = True
        if self._feed is not None:
            self.replayed = self._feed.detach(self)
            self._feed = None

    def fall_back(self, position: int) -> None:
        """See feed.Reader."""
        self._leave_feed(position)
        self._is_slow = True
        self.behind_since = self.connection.loop.time()
        self.on_fall_back(self)

    def refuse(self, error: RefusedError, position: int) -> None:
        """See feed.Reader."""
        self._leave_feed(position)
        self.on_refuse(self, error)

    def fail(self) -> None:
        """See feed.Reader."""
        self._feed = None
        self.on_fail()

    def _leave_feed(self, position: int) -> None:
        self.replayed = position
        self._feed = None
