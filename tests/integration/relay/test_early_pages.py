"""A page is with its readers before the database has said whether it will wake the relay."""

import asyncio

from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.relay.relays import NOTES, ready_relay, running_relay, watermarks
from support.trials.waiting import until

# Readers do not wait for it, arming does.
LOCK = "LOCK TABLE runtime.sync_topic_sequences IN EXCLUSIVE MODE"


def arming(database: Database) -> int | None:
    """The process in which arming waits."""
    with database.connect() as look:
        found = look.execute(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND query LIKE '%khala.arm(%' AND datname = current_database()"
        ).fetchone()
    return None if found is None else int(found[0])


async def test_a_connection_that_breaks_while_arming_gives_nothing_twice(
    newest_database: Database,
) -> None:
    async with running_relay(newest_database, slow_poll_interval_s=60) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            response = await peer.subscribe(NOTES)
            assert watermarks(response, "head_watermarks") == {NOTES: 0}
            with sessions(newest_database, 2) as (write, hold):
                await until(lambda: is_armed(newest_database), "the feed sleeps", 60)
                write.sink(NOTES, "doc", 1, "{}", "org-a")
                held = await asyncio.to_thread(hold.start, LOCK)
                write.commit()
                await asyncio.to_thread(held.result)
                updates, _ = await peer.updates_until(1)
                assert [update["watermark"] for update in updates] == [1]

                await until(lambda: arming(newest_database) is not None, "arming waits", 60)
                broken = arming(newest_database)
                with newest_database.connect() as ending:
                    ending.execute("SELECT pg_terminate_backend(%s)", [broken])
                await until(
                    lambda: arming(newest_database) not in {None, broken}, "it arms again", 60
                )
                hold.rollback()
                write.sink(NOTES, "doc", 2, "{}", "org-a")
                write.commit()
            updates, _ = await peer.updates_until(2)
            assert [update["watermark"] for update in updates] == [2]


def is_armed(database: Database) -> bool:
    with database.connect() as look:
        found = look.execute(
            "SELECT armed FROM runtime.sync_topic_sequences WHERE topic = %s", [NOTES]
        ).fetchone()
    return found == (True,)
