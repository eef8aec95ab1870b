"""A topic that is removed while others work on it: nobody leaves anything of it behind."""

import psycopg
import pytest

from support.postgres.databases import Database
from support.postgres.sessions import SINK, sessions

TOPIC = "shop.orders"
REMOVE = "SELECT documents, journal_rows FROM khala.remove_topic(%s)"
_LEFT = """
SELECT t.relation, t.rows FROM (
    SELECT 'sequences', count(*) FROM runtime.sync_topic_sequences AS s WHERE s.topic = %(topic)s
    UNION ALL
    SELECT 'documents', count(*) FROM runtime.sync_documents AS s WHERE s.topic = %(topic)s
    UNION ALL
    SELECT 'journal', count(*) FROM runtime.sync_stream_events AS s WHERE s.topic = %(topic)s
    UNION ALL
    SELECT 'staged', count(*) FROM runtime.sync_staged_writes AS s WHERE s.topic = %(topic)s
) AS t (relation, rows)
WHERE t.rows > 0
"""


@pytest.fixture(params=["direct", "grouped"])
def topic(request: pytest.FixtureRequest, database: Database) -> str:
    with database.connect("dba") as dba:
        dba.execute(
            "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => %s)",
            [TOPIC, request.param],
        )
    return TOPIC


def left(database: Database) -> list[tuple[str, int]]:
    with database.connect() as connection:
        return connection.execute(_LEFT, {"topic": TOPIC}).fetchall()


def test_a_writer_that_waits_for_the_removal_is_refused(database: Database, topic: str) -> None:
    with sessions(database, 1, "dba") as (dba,), sessions(database, 1, "runtime") as (writer,):
        writer.sink(topic, "before", 1)
        writer.commit()
        dba.run(REMOVE, topic)
        waiting = writer.start(SINK, topic, "after", 1, "{}", None)
        dba.commit()
        with pytest.raises(psycopg.Error) as refused:
            waiting.result()
        assert refused.value.sqlstate == "KH001"
    assert left(database) == []


def test_the_removal_waits_for_a_writer(database: Database, topic: str) -> None:
    with sessions(database, 1, "dba") as (dba,), sessions(database, 1, "runtime") as (writer,):
        writer.sink(topic, "before", 1)
        waiting = dba.start(REMOVE, topic)
        writer.commit()
        [(documents, journal_rows)] = waiting.result()
        assert documents == journal_rows == (1 if topic_is_direct(database) else 0)
        dba.commit()
    assert left(database) == []


def test_a_purge_and_a_removal_do_not_stop_each_other(database: Database, topic: str) -> None:
    with sessions(database, 2, "dba") as (purger, remover):
        with database.connect("runtime") as runtime, database.connect("dba") as dba:
            for number in range(10):
                runtime.execute(SINK, [topic, f"k{number}", 1, "{}", None])
            dba.execute("SELECT khala.sequence(%s)", [topic])
        purge = "SELECT deleted FROM khala.retain(%s, now() + '1 day', '0', 5)"
        assert purger.run(purge, topic) == [(5,)]
        waiting = remover.start(REMOVE, topic)
        assert purger.run(purge, topic) == [(5,)]
        purger.commit()
        assert waiting.result() == [(10, 0)]
        remover.commit()
    assert left(database) == []


def topic_is_direct(database: Database) -> bool:
    """By the catalogue before the removal is committed."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT writes = 'direct' FROM runtime.sync_topics WHERE topic = %s", [TOPIC]
        ).fetchone()
    assert row is not None
    return bool(row[0])
