"""What must hold of a topic at every moment, and what a subscriber makes of it."""

import json
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
Model = dict[str, tuple[int, Any]]

_STATE = """
SELECT s.head_watermark, r.retention_floor,
    (SELECT array_agg(e.watermark ORDER BY e.watermark)
     FROM runtime.sync_stream_events AS e WHERE e.topic = s.topic)
FROM runtime.sync_topic_sequences AS s
JOIN runtime.sync_topic_retention AS r ON s.topic = r.topic
WHERE s.topic = %s
"""

# A document whose last change is retained must say in the journal what it says in the read model.
_DISAGREEMENTS = """
SELECT d.doc_key, d.watermark, e.watermark
FROM runtime.sync_documents AS d
FULL JOIN (
    SELECT DISTINCT ON (e.doc_key) e.* FROM runtime.sync_stream_events AS e
    WHERE e.topic = %(topic)s ORDER BY e.doc_key, e.watermark DESC
) AS e ON d.doc_key = e.doc_key
WHERE coalesce(d.topic, e.topic) = %(topic)s
    AND coalesce(d.watermark, e.watermark) >= (
        SELECT r.retention_floor FROM runtime.sync_topic_retention AS r WHERE r.topic = %(topic)s)
    AND (d.watermark, d.doc_version, d.deleted, d.org_id, d.payload_hash, d.payload)
        IS DISTINCT FROM
        (e.watermark, e.doc_version, e.deleted, e.org_id, e.payload_hash, e.payload::jsonb)
"""

_BACKWARDS = """
SELECT b.doc_key, b.watermark FROM (
    SELECT e.*, lag(e.doc_version) OVER w AS before, lag(e.org_id) OVER w AS org_before,
        lag(e.deleted) OVER w AS deleted_before, row_number() OVER w AS place
    FROM runtime.sync_stream_events AS e WHERE e.topic = %s
    WINDOW w AS (PARTITION BY e.doc_key ORDER BY e.watermark)
) AS b
WHERE b.place > 1 AND (
    b.doc_version < b.before
    OR b.owner_changed <> (b.org_id IS DISTINCT FROM b.org_before
        AND NOT b.deleted AND NOT b.deleted_before)
    OR (b.owner_changed AND b.previous_org_id IS DISTINCT FROM b.org_before)
)
"""


@dataclass(frozen=True)
class TopicState:
    """Head and retention floor of a topic whose journal was found to be without holes."""

    head: int
    floor: int


def check_contiguous(connection: Connection, topic: str) -> TopicState:
    """The journal runs from the floor to the head: nothing missing, nothing more."""
    row = connection.execute(_STATE, [topic]).fetchone()
    assert row is not None, f"no topic {topic}"
    head, floor, watermarks = row
    assert (watermarks or []) == list(range(floor, head + 1)), f"journal of {topic} has a hole"
    return TopicState(head, floor)


def check_topic(connection: Connection, topic: str) -> TopicState:
    """Journal without holes, versions and owners in order, read model in agreement."""
    state = check_contiguous(connection, topic)
    backwards = connection.execute(_BACKWARDS, [topic]).fetchall()
    assert not backwards, f"versions or owners of {topic} do not follow each other: {backwards[:5]}"
    wrong = connection.execute(_DISAGREEMENTS, {"topic": topic}).fetchall()
    assert not wrong, f"journal and read model of {topic} disagree: {wrong[:5]}"
    return state


def visible(connection: Connection, topic: str, org: str | None) -> Model:
    """The read model as an organisation sees it: version and payload by key."""
    rows = connection.execute(
        "SELECT doc_key, doc_version, payload FROM runtime.sync_documents"
        " WHERE topic = %s AND NOT deleted AND (org_id IS NULL OR org_id = %s)",
        [topic, org],
    )
    return {key: (version, payload) for key, version, payload in rows}


def apply(model: Model, update: dict[str, Any]) -> None:
    """What a subscriber does with an update."""
    if update.get("deleted"):
        model.pop(update["doc_key"], None)
    else:
        assert not update["hydration_required"], f"a pointer was not expected: {update}"
        model[update["doc_key"]] = (int(update["doc_version"]), update["payload"])


def replay_all(
    connection: Connection, topic: str, org: str | None, max_updates: int = 200, **limits: int
) -> tuple[Model, list[int]]:
    """Reads a topic page by page from the earliest; the model it makes and the watermarks seen."""
    model: Model = {}
    watermarks: list[int] = []
    after: int | None = None
    while True:
        row = connection.execute(
            "SELECT page, next_watermark, complete FROM khala.replay(%s, %s, %s, %s, %s)",
            [topic, after, org, max_updates, limits.get("max_bytes", 2097152)],
        ).fetchone()
        assert row is not None
        page, after, complete = row
        for update in json.loads(page)["updates"]:
            watermarks.append(int(update["watermark"]))
            apply(model, update)
        assert not watermarks or watermarks[-1] <= after
        if complete:
            return model, watermarks


def feed_for(connection: Connection, topic: str, after: int, org: str | None) -> list[str]:
    """The update texts that the live feed gives to one organisation, from a cursor to the head."""
    texts: list[str] = []
    while True:
        rows = connection.execute(
            "SELECT org_id, except_org_id, update_text, next_watermark"
            " FROM khala.replay_feed(%s, %s)",
            [topic, after],
        ).fetchall()
        if not rows:
            return texts
        for owner, excepted, text, after in rows:  # noqa: B007 - the same on every row
            if owner == org if owner is not None else excepted is None or excepted != org:
                texts.append(text)
