"""Calls of live feeds: pages for everybody, being woken, heads. Role khala_relay."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from khala_pg.sqlapi.calls import (
    TRUE,
    Call,
    Connection,
    Rows,
    integer,
    raw_rows,
    raw_rows_in_turn,
    string,
)

# By encoding. All parts of each stand here.
_LANES = (
    ("json", "update_text", "replay_feed"),
    ("protobuf", "update_bytes", "replay_feed_binary"),
)
_REPLAY_FEED = {
    encoding: f"SELECT watermark, org_id, except_org_id, {column}, page_tail,"  # noqa: S608
    f" next_watermark, complete FROM khala.{function}($1::text, $2::bigint, $3::integer,"
    " $4::integer, $5::text)"
    for encoding, column, function in _LANES
}
# Of its own, so that a feed without readers of subsets pays for none.
_REPLAY_MARKED_FEED = {
    encoding: f"SELECT watermark, org_id, except_org_id, {column}, page_tail,"  # noqa: S608
    f" next_watermark, complete, marks FROM khala.{function}($1::text, $2::bigint, $3::integer,"
    " $4::integer, $5::text, $6::integer[])"
    for encoding, column, function in _LANES
}
_ARM = "SELECT head_watermark, state FROM khala.arm($1::text, $2::bigint)"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One update of a feed page, and its audience.

    `org_id` None: everybody but `except_org_id`; otherwise exactly that organisation.
    marks: those of its key, by which subsets have it, in the lengths asked for.
    """

    watermark: int
    org_id: str | None
    except_org_id: str | None
    update: bytes
    marks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page of one topic for everybody: its updates, and what follows them in an update_batch."""

    rows: list[FeedRow]
    tail: bytes
    next_watermark: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Armed:
    """The result of arm: state is armed (sleep), moved (look now) or busy (look again shortly)."""

    head_watermark: int
    state: str


@dataclass(frozen=True, slots=True)
class Position:
    """Position in a topic, and how much a page from there on may hold.

    encoding: json or protobuf. lengths: of the marks that the subsets of readers have.
    """

    encoding: str
    topic: str
    after: int
    max_updates: int
    max_bytes: int
    epoch: str | None
    lengths: frozenset[int] = frozenset()


async def pull(connection: Connection, at: Position) -> FeedPage | None:
    """One page of a topic with the audience of every update; None at the head."""
    query, values = _replay_feed(at)
    return _page(await raw_rows(connection, query, *values))


async def pull_and_arm(
    connection: Connection, at: Position, take: Callable[[FeedPage], None]
) -> Armed:
    """`take` has the page, if there is one, while the database is asked for a notification at the
    next write. It is not asked where the page cannot reach the head.

    The page may be older than the result: what was committed meanwhile is in its head.
    """

    def taken(found: Rows) -> None:
        page = _page(found)
        if page is not None:
            take(page)

    arm = (_ARM, (at.topic, at.after + at.max_updates))
    [(head, state)] = await raw_rows_in_turn(connection, _replay_feed(at), taken, arm)
    return Armed(integer(head), str(string(state)))


async def head_watermarks(connection: Connection, topics: Sequence[str]) -> dict[str, int]:
    """The heads of topics, by their own names; one that is gone is left out."""
    cursor = await connection.execute(
        "SELECT topic, head_watermark FROM khala.head_watermarks(%s)", (list(topics),)
    )
    return dict(await cursor.fetchall())


def _replay_feed(at: Position) -> Call:
    values = (at.topic, at.after, at.max_updates, at.max_bytes, at.epoch)
    if not at.lengths:
        return _REPLAY_FEED[at.encoding], values
    lengths = "{" + ",".join(map(str, sorted(at.lengths))) + "}"
    return _REPLAY_MARKED_FEED[at.encoding], (*values, lengths)


def _page(found: Rows) -> FeedPage | None:
    if not found:
        return None
    tail, until, complete = found[0][4:7]
    updates = [
        FeedRow(
            integer(at),
            string(org_id),
            string(except_org_id),
            update or b"",
            json.loads(marks[0]) if marks and marks[0] else (),
        )
        for at, org_id, except_org_id, update, _, _, _, *marks in found
    ]
    return FeedPage(updates, tail or b"", integer(until), complete == TRUE)
